// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { isMuted, totalUnread } from "../client/MessagingState";
import { Messenger } from "../client/Messenger";
import { MemoryStore } from "../client/store";
import type { Conversation } from "../client/types";
import { FakeClock, FakeSocket, message, settle } from "./support";

const TALK = {
  id: "talk",
  type: "direct",
  participants: [],
  last_message: message(1),
  last_message_at: message(1).created_at,
  unread_count: 0,
  pinned: false,
  archived: false,
  request: null,
} as unknown as Conversation;

/** A client whose server answers from here; `asked` has the requests in their order. */
function client() {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const asked: string[] = [];
  const answers: Record<string, unknown> = {
    "GET /api/users/me": { id: "me", name: "Me" },
    "GET /api/session": { user: { id: "me", name: "Me" }, csrf_token: "csrf", expires_at: "" },
    "GET /api/conversations": { items: [TALK], has_more: false, next: null },
  };
  globalThis.fetch = (async (address: string, init: RequestInit) => {
    const what = `${init.method} ${address.split("?")[0]}`;
    asked.push(what);
    if (address.includes("around=")) asked.push(address);
    return Response.json(answers[what] ?? { items: [], has_more: false, next: null });
  }) as typeof fetch;
  const store = new MemoryStore();
  const messenger = new Messenger({
    clock,
    store,
    makeSocket: (address) => {
      sockets.push(new FakeSocket(address));
      return sockets.at(-1) as unknown as WebSocket;
    },
  });
  const turn = async () => {
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await settle();
    }
  };
  return { messenger, clock, sockets, store, asked, answers, turn };
}

const lists = (asked: string[]) => asked.filter((what) => what === "GET /api/conversations").length;

test("the list is read behind the connection, so that nothing is missed between them", async () => {
  const { messenger, sockets, asked, turn } = client();
  const done = messenger.useToken("token");
  await turn();
  assert.equal(lists(asked), 0);
  sockets[0]!.hello();
  await done;
  assert.equal(lists(asked), 1);
  assert.deepEqual(messenger.state.getState().lists.all.ids, ["talk"]);
});

test("without a connection the list comes all the same, and again once there is one", async () => {
  const { messenger, clock, sockets, asked, turn } = client();
  const done = messenger.useToken("token");
  await turn();
  await clock.pass(1_500);
  await done;
  assert.equal(lists(asked), 1);
  sockets[0]!.hello();
  await turn();
  assert.equal(lists(asked), 2);
});

test("a page that began without a server signs in when there is one", async () => {
  const { messenger, clock, sockets, asked, turn } = client();
  const offline = globalThis.fetch;
  globalThis.fetch = (async () => {
    throw new TypeError("network");
  }) as typeof fetch;
  const done = messenger.signInLater({ id: "me", name: "Me" } as never);
  await turn();
  await clock.pass(1_500);
  await done;
  messenger.send("talk", { content: "Hello" });
  await turn();
  globalThis.fetch = offline;
  sockets[0]!.hello();
  await turn();
  assert.deepEqual(asked.slice(0, 2), ["GET /api/session", "GET /api/conversations"]);
  assert.equal(messenger.rest.credentials.csrf, "csrf");
  assert.ok(sockets[0]!.last("message"), "what was written is sent");
});

test("a new message moves its conversation, counts, and is told once", async () => {
  const { messenger, sockets } = client();
  const done = messenger.useToken("token");
  await settle();
  await new Promise((resolve) => setImmediate(resolve));
  await settle();
  sockets[0]!.hello();
  await done;
  const told: string[] = [];
  messenger.onMessage = (new_) => told.push(new_.id);
  for (let i = 0; i < 2; i++) sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  const state = messenger.state.getState();
  assert.equal(state.unreadCounts.talk, 1);
  assert.equal(state.conversations.talk!.last_message!.id, "m2");
  assert.deepEqual(told, ["m2"]);
});

for (const how of ["request", "socket"]) {
  test(`a session that the ${how} finds expired leaves nothing behind`, async () => {
    const { messenger, sockets, store, turn } = client();
    const done = messenger.useToken("token");
    await turn();
    sockets[0]!.hello();
    await done;
    let told = 0;
    messenger.onSignedOut = () => told++;
    await store.saveThread("talk", [message(1)]);
    globalThis.fetch = (async () =>
      Response.json({ code: "unauthorized", status: 401 }, { status: 401 })) as typeof fetch;
    sockets[0]!.break(how === "socket" ? 4401 : 1006);
    if (how === "request") {
      messenger.outbox.setOpen(true);
      messenger.send("talk", { content: "A secret" });
    }
    await turn();
    assert.equal(told, 1);
    assert.deepEqual(await store.queued(), []);
    assert.equal(await store.thread("talk"), null);
    assert.equal(await store.fact("conversations"), null);
    assert.deepEqual(messenger.state.getState().messages, {});
    assert.equal(messenger.state.getState().me, null);
  });
}

/** A client that is connected. */
async function clientConnected() {
  const all = client();
  const done = all.messenger.signIn();
  await all.turn();
  all.sockets[0]!.hello();
  await done;
  return all;
}

test("whom a new connection does not name is not shown as there", async () => {
  const { messenger, clock, sockets, turn } = await clientConnected();
  sockets[0]!.say("presence", { user_id: "other", status: "online", away: false, last_seen_at: null });
  assert.equal(messenger.state.getState().onlineUsers.other?.status, "online");
  sockets[0]!.break();
  await clock.pass(60_000);
  await turn();
  const socket = sockets.at(-1)!;
  assert.notEqual(socket, sockets[0]);
  socket.hello();
  socket.say("presence", { user_id: "third", status: "online", away: false, last_seen_at: null });
  socket.say("resumed", {});
  assert.deepEqual(Object.keys(messenger.state.getState().onlineUsers), ["third"]);
});

test("what was seen is marked as read where it was seen, whatever is opened next", async () => {
  const { messenger, clock, sockets, asked, turn } = await clientConnected();
  await messenger.openThread("talk");
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  await messenger.openThread("elsewhere");
  await clock.pass(2_000);
  await turn();
  assert.deepEqual(
    asked.filter((what) => what.endsWith("/read")),
    ["PUT /api/conversations/talk/read"],
  );
});

test("a call that was answered is not unread", async () => {
  const { messenger, sockets } = await clientConnected();
  const call = (seq: number, status: string) =>
    message(seq, { message_type: "call", metadata: { status } as never });
  sockets[0]!.say("message.new", call(2, "ended"), { cursor: "c-2" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
  sockets[0]!.say("message.new", call(3, "missed"), { cursor: "c-3" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 1);
});

test("what was deleted or removed is not kept either", async () => {
  const { sockets, store, turn } = await clientConnected();
  await store.saveThread("talk", [message(1)]);
  await store.saveThread("gone", [message(1)]);
  const deleted = { conversation_id: "talk", message_id: "m1", by: null, reason: "everyone" };
  sockets[0]!.say("message.deleted", deleted, { cursor: "c-2" });
  sockets[0]!.say("conversation.removed", { conversation_id: "gone" }, { cursor: "c-3" });
  await turn();
  assert.equal(await store.thread("talk"), null);
  assert.equal(await store.thread("gone"), null);
  sockets[0]!.say("conversation.removed", { conversation_id: "talk" }, { cursor: "c-4" });
  await turn();
  assert.deepEqual((await store.fact<{ items: unknown[] }>("conversations"))!.items, []);
});

test("for ever is muted, and so is until a time that is to come", () => {
  const muted = (muted_until: string | null) =>
    isMuted({ ...TALK, muted_until } as Conversation, Date.parse("2026-06-01"));
  assert.deepEqual([muted("forever"), muted("2026-06-02T00:00:00.000Z")], [true, true]);
  assert.deepEqual([muted("2026-05-31T00:00:00.000Z"), muted(null)], [false, false]);
});

test("what is unread in conversations that are not loaded counts, too", async () => {
  const { messenger, answers, sockets, turn } = client();
  const more = { ...TALK, unread_count: 2, muted_until: null };
  answers["GET /api/conversations"] = { items: [more], has_more: true, next: "1" };
  answers["GET /api/unread"] = { messages: 7 };
  const done = messenger.signIn();
  await turn();
  sockets[0]!.hello();
  await done;
  assert.equal(totalUnread(messenger.state.getState()), 7);
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  assert.equal(totalUnread(messenger.state.getState()), 8);
  answers["GET /api/conversations"] = { items: [], has_more: false, next: null };
  await messenger.loadList("all");
  assert.equal(totalUnread(messenger.state.getState()), 3);
});

test("where more than a page is unread, the first of it is opened", async () => {
  const { messenger, answers, asked, sockets, turn } = client();
  answers["GET /api/conversations"] = {
    items: [{ ...TALK, unread_count: 200 }],
    has_more: false,
    next: null,
  };
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: true, next: null };
  const done = messenger.signIn();
  await turn();
  sockets[0]!.hello();
  await done;
  await messenger.openThread("talk");
  assert.ok(asked.some((what) => what.includes("around=unread")));
  assert.ok(messenger.state.getState().messages.talk!.hasNewer);
});

test("a gap that is told of while another is filled is filled, too", async () => {
  const { messenger, answers, sockets, turn } = await clientConnected();
  const page = (...items: unknown[]) => ({ items, has_more: false, next: null });
  answers["GET /api/conversations/talk/messages"] = page(message(1));
  await messenger.openThread("talk");
  const pages = [page(message(2), message(3)), page(message(4), message(5))];
  Object.defineProperty(answers, "GET /api/conversations/talk/messages", { get: () => pages.shift() });
  const seen = () => messenger.state.getState().messages.talk!.items.map(({ seq }) => seq);
  sockets[0]!.say("message.new", message(3), { cursor: "c-3" });
  sockets[0]!.say("message.new", message(5), { cursor: "c-5" });
  await turn();
  assert.deepEqual(seen(), [1, 2, 3, 4, 5]);
});
