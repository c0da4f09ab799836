# SPDX-License-Identifier: GPL-3.0-or-later
"""How what scripts/demo shows looks, and what its conversations have in common."""
from harness.rest import Backend, http_request

BOLD, PLAIN = "\033[1m", "\033[0m"


def title(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


def show(who, text):
    print(f"   {who:<18} {text}", flush=True)


def is_served(stack):
    """Whether the bridge hands out the web client."""
    return http_request(stack.info["rest"], "GET", "/").status == 200


def sign_in_link(stack, user):
    code = Backend(stack, user.me()).call(201, "POST", "/api/session/code")["code"]
    return f"{stack.info['rest']}/#code={code}"


def print_accounts(accounts):
    for account in accounts:
        print(f"  {account['jid']:<20} password {account['password']}")
