# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation that scripts/demo shows, on a running stack: demo_conversation.py DIR [--once] [--bound].

It uses the clients of the scenario tests; each step ends when it was seen or fails after a deadline.
"""
import contextlib
import shlex
import signal
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "scenario"))

from harness.rest import App  # noqa: E402
from harness.stack import Stack  # noqa: E402
from harness.xmpp import XmppUser  # noqa: E402

import demo_bound  # noqa: E402
from demo_parts import BOLD, PLAIN, is_served, print_accounts, show, sign_in_link, title  # noqa: E402


def sign_in(stack):
    title("1. alice, a user of the app, signs in with a token of the app")
    alice = App(stack, "alice", username="alice", name="Alice")
    me = alice.me()
    show("REST", f"GET /api/users/me → {me['name']}, known to the XMPP network as {me['jid']}")
    socket = alice.ws()
    show("WebSocket", f"hello, session {socket.hello['payload']['session']}")
    return alice, socket, me


def there(alice, socket, bob):
    title(f"2. alice writes to {bob.bare}, who sits at an ordinary XMPP client")
    talk = alice.conversation_with(jid=bob.bare)
    show("REST", f"POST /api/conversations → {talk['id']}")
    sent = alice.send(talk, "Hello Bob, can you read this?")
    show("REST", f"POST …/messages → stored as {sent['id']}")
    got = bob.expect_message("Hello Bob, can you read this?", sender=alice.me()["jid"])
    show("bob's client", f"message from {got.sender}: {got.body}")
    assert got.id == sent["id"], "the message has another id at bob's client"
    show("bob's client", "sends a delivery receipt (XEP-0184)")
    socket.expect("message.delivered", conversation_id=talk["id"], message_id=sent["id"])
    show("alice's WebSocket", "message.delivered")
    return talk, sent, got


def back(socket, bob, talk, got):
    title("3. bob answers")
    bob.send_message(got.sender, "Yes! Hello Alice.")
    event = socket.expect("message.new", content="Yes! Hello Alice.", conversation_id=talk["id"])["payload"]
    show("alice's WebSocket", f"message.new from {bob.bare}: {event['content']}")
    return event


def history(alice, bob, talk, ids):
    title("4. Both find it again")
    page = alice.messages(talk)["items"]
    for message in page:
        show("REST history", f"seq {message['seq']}: {message['content']}")
    assert [m["id"] for m in page] == ids, "the REST history is not what was said"
    archive = [m for m in bob.history(alice.me()["jid"]) if m.body]
    for message in archive:
        show("bob's archive", f"{message.sender.partition('/')[0]}: {message.body}")
    assert [m.body for m in archive] == [m["content"] for m in page], "bob's archive differs"


def converse(stack):
    alice, socket, _ = sign_in(stack)
    with socket, XmppUser(stack, "bob", "demo") as bob:
        talk, sent, got = there(alice, socket, bob)
        answer = back(socket, bob, talk, got)
        history(alice, bob, talk, [sent["id"], answer["id"]])
    return alice, talk


def web_links(stack, alice):
    """[(who, link)] for two users who know each other; nothing where no client is served."""
    if not is_served(stack):
        return []
    dora = App(stack, "dora", username="dora", name="Dora")
    dora.send(dora.conversation_with(participant_id=alice.me()["id"]), "Hello Alice, this is Dora, in the browser.")
    return [(user.me()["name"], sign_in_link(stack, user)) for user in (alice, dora)]


def explain(stack, alice, talk):
    info = stack.info
    carol = stack.account("carol")
    token = alice.mint(ttl=24 * 3600)
    rest, host, port = info["rest"], info["c2s"]["host"], info["c2s"]["port"]
    title("The stack stays up until Ctrl-C; try it from other terminals")
    links = web_links(stack, alice)
    if links:
        print(f"\n{BOLD}Web client{PLAIN} (each link signs in once, within five minutes; as two people, in two browsers or a private window)")
        for who, link in links:
            print(f"  {who:<20} {link}")
        print(f"  another code         curl -s -X POST -H 'Authorization: Bearer {info['server_key']}' -H 'Trestle-User: alice' {rest}/api/session/code")
    print(f"""
{BOLD}REST{PLAIN} (the token is alice's, good for a day)
  TOKEN={token}
  curl -s -H "Authorization: Bearer $TOKEN" {rest}/api/users/me
  curl -s -H "Authorization: Bearer $TOKEN" {rest}/api/conversations
  curl -s -H "Authorization: Bearer $TOKEN" {rest}/api/conversations/{talk['id']}/messages
  curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
       -d '{{"content":"Hello again"}}' {rest}/api/conversations/{talk['id']}/messages
  curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
       -d '{{"jid":"{carol['jid']}"}}' {rest}/api/conversations

{BOLD}WebSocket{PLAIN} (prints what happens while you write)
  /usr/bin/python3 -m websockets {info['ws']}
  then paste: {{"type":"auth","payload":{{"token":"{token}"}}}}

{BOLD}XMPP{PLAIN} (plain TCP on loopback, {host} port {port})""")
    print_accounts(info["accounts"])
    bob = stack.account("bob")["jid"]
    print(f"""
  profanity
  then type: /connect {bob} server {host} port {port} tls disable
  and write to alice: /msg {alice.me()['jid']} Hello

{BOLD}More{PLAIN}
  server key   {info['server_key']}
  health       curl -s {info['admin']}/readyz; curl -s {info['admin']}/metrics
  database     psql {shlex.quote(info['database'])}
  everything   {stack.dir}/stack.json, logs in {stack.dir}/log
""", flush=True)


def main():
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.default_int_handler)
    stack = Stack.reuse(sys.argv[1])
    started = time.monotonic()
    bound = "--bound" in sys.argv
    try:
        user, talk = demo_bound.converse(stack) if bound else converse(stack)
    except Exception as error:  # a demonstration shows what went wrong, not where in the code
        print(f"\n{BOLD}This step was not seen:{PLAIN} {error}", file=sys.stderr)
        return 1
    title(f"Every step was seen, in {time.monotonic() - started:.1f} s")
    if "--once" not in sys.argv:
        (demo_bound.explain if bound else explain)(stack, user, talk)
        try:
            signal.pause()
        except KeyboardInterrupt:
            with contextlib.suppress(OSError):  # the terminal may be gone
                print("\nstopping", flush=True)
    return 0


try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit(130)
