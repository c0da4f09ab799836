# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation that scripts/demo --bound shows, on a running stack: an account of the XMPP server in the app and in its XMPP client
at once. Used by demo_conversation.py."""
from xml.etree.ElementTree import Element

from demo_parts import BOLD, PLAIN, is_served, print_accounts, show, sign_in_link, title
from harness.account import Person
from harness.daemon import program
from harness.inbox import wait_for
from harness.mam import everything, page, plain
from harness.xmpp import XmppError, XmppUser

CARBONS = "urn:xmpp:carbons:2"


def archive_is_open(client):
    try:
        return page(client, max="0") is not None
    except XmppError:
        return False


def sign_in(stack):
    title("1. bob has an account of the XMPP server; he signs in to the app with its password")
    bob = Person(stack, "bob")
    show("REST", f"POST /api/session → {bob.jid}, {bob.me()['kind']}; the server offers: {', '.join(bob.session['features'])}")
    socket = bob.ws()
    wait_for("bob's session is bound", lambda: bob.call(200, "GET", "/api/session")["host_up"])
    show("bob's app", "the server has bound one more session for him, beside his client's")
    return bob, socket


def from_elsewhere(bob, socket, client, carol):
    title(f"2. carol, at an XMPP client, writes to {bob.jid}")
    carol.send_message(bob.jid, "Hello Bob, where do you read this?", id="from-carol")
    event = socket.expect("message.new", content="Hello Bob, where do you read this?")["payload"]
    show("bob's app", f"message.new from {event['sender']['jid']}: {event['content']}")
    got = client.expect_message("Hello Bob, where do you read this?")
    show("bob's client", f"message from {got.sender}: {got.body}")
    return event


def from_the_app(bob, client, carol, talk):
    title("3. bob answers in the app")
    sent = bob.send({"id": talk}, "In my browser.")
    show("REST", f"POST …/messages → stored as {sent['id']}")
    got = carol.expect_message("In my browser.")
    show("carol's client", f"message from {got.sender}: {got.body}")
    client.expect_stanza("a carbon of what the app said", lambda s: s.has(CARBONS, "sent") and "In my browser." in repr(s))
    show("bob's client", "shows it too, as a message of his own (XEP-0280)")
    return sent


def from_the_client(bob, socket, client, carol):
    title("4. bob writes in his client")
    client.send_message(carol.bare, "And at my desk.", id="from-desk")
    got = carol.expect_message("And at my desk.")
    show("carol's client", f"message from {got.sender}: {got.body}")
    event = socket.expect("message.new", content="And at my desk.")["payload"]
    assert event["sender"]["jid"] == bob.jid, "the app takes it for another's"
    show("bob's app", f"message.new from {event['sender']['jid']}: {event['content']}")
    return event


def history(bob, client, talk, ids):
    title("5. One history, with one id for each message")
    shown = [(m["id"], m["content"]) for m in bob.messages(talk)["items"]]
    kept = [(plain(id), text) for id, text in zip(*everything(client)) if text]
    for id, text in shown:
        show("REST history", f"{id}: {text}")
    for id, text in kept:
        show("server's archive", f"{id}: {text}")
    assert [id for id, _ in shown] == ids and kept == shown, "the two histories differ"


def converse(stack):
    bob, socket = sign_in(stack)
    with socket, XmppUser(stack, "bob", "desk") as client, XmppUser(stack, "carol", "home") as carol:
        client.iq(None, Element(f"{{{CARBONS}}}enable"), "set")
        wait_for("the server has its archive", lambda: archive_is_open(client), 40)
        first = from_elsewhere(bob, socket, client, carol)
        talk = first["conversation_id"]
        answer = from_the_app(bob, client, carol, talk)
        last = from_the_client(bob, socket, client, carol)
        history(bob, client, talk, [first["id"], answer["id"], last["id"]])
    return bob, talk


def explain(stack, bob, _):
    info = stack.info
    host, port = info["c2s"]["host"], info["c2s"]["port"]
    account = stack.account("bob")
    title("The stack stays up until Ctrl-C; try it from other terminals")
    if is_served(stack):
        print(f"\n{BOLD}bob in the browser{PLAIN} (the link signs in once, within five minutes; or sign in there with his password)\n  {sign_in_link(stack, bob)}")
    print(f"""
{BOLD}bob in a client, at the same time{PLAIN} (plain TCP on loopback, {host} port {port})
  profanity
  then type: /connect {account['jid']} server {host} port {port} tls disable
  his password is {account['password']}; what either says is in both

{BOLD}Somebody to talk to{PLAIN}""")
    print_accounts(other for other in info["accounts"] if other is not account)
    print(f"""
{BOLD}More{PLAIN}
  what the doctor says of it   {program()} doctor --config {info['config']}
  what the server said         curl -s {info['admin']}/hosts
  everything                   {stack.dir}/stack.json, logs in {stack.dir}/log
""", flush=True)
