# SPDX-License-Identifier: GPL-3.0-or-later
"""How what scripts/demo shows looks."""
BOLD, PLAIN = "\033[1m", "\033[0m"


def title(text):
    print(f"\n{BOLD}== {text}{PLAIN}", flush=True)


def show(who, text):
    print(f"   {who:<18} {text}", flush=True)
