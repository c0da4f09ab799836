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
    "GET /api/unread": { messages: 0, conversations: 0, requests: 0, mentions: 0, missed_calls: 0 },
  };
  globalThis.fetch = (async (address: string, init: RequestInit) => {
    const what = `${init.method} ${address.split("?")[0]}`;
    asked.push(what);
    if (address.includes("around=")) asked.push(address);
    return Response.json((await answers[what]) ?? { items: [], has_more: false, next: null });
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

for (const [what, load] of [
  ["the newest", (messenger: Messenger) => messenger.pages.loadNewest("talk")],
  ["the next ones", (messenger: Messenger) => messenger.pages.loadNewer("talk")],
] as const)
  test(`what comes while ${what} are on their way is behind them`, async () => {
    const { messenger, sockets, answers, turn } = await clientConnected();
    const path = "GET /api/conversations/talk/messages";
    answers[path] = { items: [message(1)], has_more_before: false, has_more_after: true, has_more: true };
    await messenger.openThread("talk", "m1"); // a piece further up
    let answer: (page: object) => void = () => {};
    answers[path] = new Promise((resolve) => (answer = resolve));
    const loading = load(messenger);
    for (const seq of [3, 4]) sockets[0]!.say("message.new", message(seq), { cursor: `c-${seq}` });
    await turn();
    answer({ items: [message(1), message(2), message(3)], has_more: false, next: null });
    await loading;
    assert.deepEqual(
      messenger.state.getState().messages.talk!.items.map(({ seq }) => seq),
      [1, 2, 3, 4],
    );
  });

test("an answer that was overtaken by messages takes none of them back", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  let answer: (conversation: Conversation) => void = () => {};
  answers["GET /api/conversations/talk"] = new Promise((resolve) => (answer = resolve));
  sockets[0]!.say("member.updated", { conversation_id: "talk" }, { cursor: "c-2" }); // it is read again
  for (const seq of [2, 3]) sockets[0]!.say("message.new", message(seq), { cursor: `c-${seq + 1}` });
  answer({ ...TALK, last_message: message(2), unread_count: 1, pinned: true });
  await turn();
  const { conversations, unreadCounts } = messenger.state.getState();
  assert.equal(conversations.talk!.pinned, true);
  assert.equal(conversations.talk!.last_message!.id, "m3");
  assert.equal(unreadCounts.talk, 2);
});

test("an answer that was overtaken by a change of the conversation does not undo it", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  let answer: (conversation: Conversation) => void = () => {};
  answers["GET /api/conversations/talk"] = new Promise((resolve) => (answer = resolve));
  sockets[0]!.say("member.updated", { conversation_id: "talk" }, { cursor: "c-2" });
  sockets[0]!.say("conversation.updated", { ...TALK, name: "Writers" }, { cursor: "c-3" });
  answer({ ...TALK, name: "Readers" } as Conversation);
  await turn();
  assert.equal(messenger.state.getState().conversations.talk!.name, "Writers");
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

test("what was kept for long enough is not shown, not kept, and not told of in the list", async () => {
  const { messenger, sockets, store, answers, asked, turn } = await clientConnected();
  const page = { items: [message(1), message(2), message(3)], has_more: true, next: null };
  answers["GET /api/conversations/talk/messages"] = page;
  answers["GET /api/conversations/talk"] = { ...TALK, last_message: null };
  await messenger.openThread("talk");
  await store.saveThread("closed", [message(4), message(5)]);
  await store.saveThread("old", [message(4)]);
  const expire = (conversation_id: string, up_to_seq: number) =>
    sockets[0]!.say("conversation.expired", { conversation_id, up_to_seq }, { cursor: `c-${up_to_seq}` });
  const shown = () => messenger.state.getState().messages.talk!;
  expire("talk", 2);
  expire("closed", 4);
  expire("old", 4);
  await turn();
  assert.deepEqual([shown().items.map(({ seq }) => seq), shown().hasOlder], [[3], false]);
  const kept = async (id: string) => (await store.thread(id))?.map(({ seq }) => seq) ?? null;
  assert.deepEqual([await kept("talk"), await kept("closed"), await kept("old")], [[3], [5], null]);
  assert.ok(asked.includes("GET /api/conversations/talk"), "the list told of a message that is gone");
  expire("talk", 90);
  await turn();
  assert.deepEqual([shown().items, shown().hasOlder], [[], false]);
  expire("unknown", 5);
  await turn();
  assert.equal(messenger.state.getState().messages.unknown?.items.length ?? 0, 0);
});

test("where a piece that was gone to is all gone, the newest messages are shown", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  const piece = { items: [message(5)], has_more_before: true, has_more_after: true, next: null };
  answers["GET /api/conversations/talk/messages"] = piece;
  await messenger.openThread("talk", "m5");
  answers["GET /api/conversations/talk/messages"] = { items: [message(90)], has_more: true, next: null };
  const expired = { conversation_id: "talk", up_to_seq: 10 };
  sockets[0]!.say("conversation.expired", expired, { cursor: "c-2" });
  await turn();
  const { items, hasNewer } = messenger.state.getState().messages.talk!;
  assert.deepEqual([items.map(({ seq }) => seq), hasNewer], [[90], false]);
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
  answers["GET /api/conversations/talk/messages"] = {
    items: [message(1)],
    has_more: true,
    has_more_before: false,
    has_more_after: true,
    next: null,
  };
  const done = messenger.signIn();
  await turn();
  sockets[0]!.hello();
  await done;
  await messenger.openThread("talk");
  assert.ok(asked.some((what) => what.includes("around=unread")));
  const { hasOlder, hasNewer } = messenger.state.getState().messages.talk!;
  assert.deepEqual([hasOlder, hasNewer], [false, true]);
  assert.equal(asked.filter((what) => what === "GET /api/conversations/talk/messages").length, 1);
});

test("a day is gone to, or what comes nearest to it", async () => {
  const { messenger, answers, asked } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = {
    items: [message(1), message(2), message(3)],
    has_more: false,
    has_more_before: true,
    has_more_after: false,
    next: null,
  };
  assert.equal(await messenger.pages.jumpTo("talk", new Date(message(2).created_at)), "m2");
  assert.ok(
    asked.some((what) => what.includes(`around=${encodeURIComponent(`time:${message(2).created_at}`)}`)),
  );
  assert.equal(await messenger.pages.jumpTo("talk", new Date("2030-01-01")), "m3");
});

test("users are named once in a list, and stand where they belong", async () => {
  const { messenger, answers, asked } = client();
  const bella = { id: "b", name: "Bella" };
  answers["GET /api/conversations"] = {
    items: [
      {
        ...TALK,
        participant1: "b",
        participant2: "gone",
        participants: [{ user: "b", role: "member" }],
        last_message: { ...message(1), sender: "b" },
      },
      { ...TALK, id: "empty", participant1: null, participant2: null, last_message: null },
    ],
    users: [bella],
    has_more: false,
    next: null,
  };
  const page = await messenger.rest.conversations();
  const [talk, empty] = page.items;
  assert.deepEqual([talk!.participant1, talk!.participant2], [bella, null]);
  assert.deepEqual([talk!.participants[0]!.user, talk!.last_message!.sender], [bella, bella]);
  assert.deepEqual([empty!.last_message, empty!.participants], [null, []]);
  assert.ok(asked.length === 1);
});

test("numbers are asked for once for what changes together, and read marks tell theirs", async () => {
  const { messenger, answers, clock, sockets, asked, turn } = await clientConnected();
  const counts = () => asked.filter((what) => what === "GET /api/unread").length;
  assert.equal(counts(), 1);
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  sockets[0]!.say("message.new", message(3), { cursor: "c-3" });
  answers["GET /api/unread"] = { messages: 2, conversations: 1, requests: 4, mentions: 0, missed_calls: 0 };
  await clock.pass(1_000);
  await turn();
  assert.equal(counts(), 2);
  assert.equal(messenger.state.getState().totals!.requests, 4);
  const mark = { conversation_id: "talk", user_id: "me", seq: 2, at: message(2).created_at };
  sockets[0]!.say("message.read", { ...mark, unread_count: 1 }, { cursor: "c-4" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 1);
  sockets[0]!.say("message.read", { ...mark, seq: 3, unread_count: 0 }, { cursor: "c-5" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
  assert.ok(!asked.includes("GET /api/conversations/talk"));
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

test("typing is told after 300 ms, every three seconds, and ends by itself", async () => {
  const { messenger, clock, sockets } = await clientConnected();
  const told = () =>
    sockets[0]!.sent.filter(({ type }) => type === "typing").map(({ payload }) => payload!.active);
  messenger.typing("talk");
  await clock.pass(299);
  assert.deepEqual(told(), []);
  await clock.pass(1);
  assert.deepEqual(told(), [true]);
  for (let i = 0; i < 40; i++) {
    messenger.typing("talk");
    await clock.pass(100);
  }
  assert.deepEqual(told(), [true, true], "however many keys there are");
  await clock.pass(6_000);
  assert.deepEqual(told(), [true, true, false]);
});

test("who sends, or deletes all that was written, types no more; who goes elsewhere neither", async () => {
  const { messenger, clock, sockets } = await clientConnected();
  const told = () =>
    sockets[0]!.sent
      .filter(({ type }) => type === "typing")
      .map(({ payload }) => `${payload!.conversation_id} ${payload!.active}`);
  messenger.typing("talk");
  messenger.stopTyping();
  await clock.pass(10_000);
  assert.deepEqual(told(), [], "what was never told does not end");
  messenger.typing("talk");
  await clock.pass(300);
  messenger.send("talk", { content: "Hello" });
  messenger.typing("talk");
  await clock.pass(300);
  messenger.typing("elsewhere");
  await clock.pass(300);
  assert.deepEqual(told(), ["talk true", "talk false", "talk true", "talk false", "elsewhere true"]);
});

test("nothing is told of typing while there is no connection", async () => {
  const { messenger, clock, sockets } = await clientConnected();
  sockets[0]!.break();
  messenger.typing("talk");
  await clock.pass(500);
  assert.equal(sockets[0]!.last("typing"), undefined);
  assert.equal(sockets.at(-1)!.last("typing"), undefined);
});

test("who types is shown until they stop, say something, or vanish", async () => {
  const { messenger, clock, sockets } = await clientConnected();
  const types = (active: boolean) =>
    sockets[0]!.say("typing", { conversation_id: "talk", user_id: "other", active });
  const typing = () => messenger.state.getState().typingUsers.talk ?? [];
  types(true);
  assert.deepEqual(typing(), ["other"]);
  types(false);
  assert.deepEqual(typing(), []);
  types(true);
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  assert.deepEqual(typing(), []);
  types(true);
  await clock.pass(14_999);
  assert.deepEqual(typing(), ["other"]);
  await clock.pass(1);
  assert.deepEqual(typing(), []);
  types(true);
  sockets[0]!.break();
  assert.deepEqual(typing(), []);
});

test("reading is told once for all that came within two seconds, or for ten messages", async () => {
  const { messenger, clock, sockets, asked, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  await messenger.openThread("talk");
  const reads = () => asked.filter((what) => what.endsWith("/read")).length;
  for (const seq of [2, 3, 4]) sockets[0]!.say("message.new", message(seq), { cursor: `c-${seq}` });
  await clock.pass(1_999);
  assert.equal(reads(), 0);
  await clock.pass(1);
  await turn();
  assert.equal(reads(), 1);
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
  for (let seq = 5; seq < 15; seq++) sockets[0]!.say("message.new", message(seq), { cursor: `c-${seq}` });
  await turn();
  assert.equal(reads(), 2, "ten do not wait");
});

test("what nobody looks at is not read", async () => {
  const { messenger, clock, sockets, asked, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  await messenger.openThread("talk");
  messenger.isLooking = () => false;
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  await clock.pass(10_000);
  await turn();
  assert.ok(!asked.some((what) => what.endsWith("/read")));
  assert.equal(messenger.state.getState().unreadCounts.talk, 1);
});

/** What marks as read tell the server, and whether they outlive the page. */
function marks(fails: () => boolean = () => false) {
  const told: unknown[] = [];
  const before = globalThis.fetch;
  globalThis.fetch = (async (address: string, init: RequestInit) => {
    if (!address.endsWith("/read")) return before(address, init);
    told.push([JSON.parse(String(init.body)).message_id, !!init.keepalive]);
    if (fails()) throw new TypeError("network");
    return Response.json({});
  }) as typeof fetch;
  return told;
}

test("what was seen just before the page is closed is told all the same, once", async () => {
  const { messenger, clock, sockets, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  const told = marks();
  await messenger.openThread("talk");
  messenger.leave();
  assert.deepEqual(told, [], "nothing was unread");
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  await clock.pass(500);
  messenger.isLooking = () => false;
  sockets[0]!.say("message.new", message(3), { cursor: "c-3" });
  messenger.leave();
  messenger.leave();
  await clock.pass(10_000);
  await turn();
  assert.deepEqual(told, [["m2", true]], "not what came when nobody looked");
});

test("who answers has read what was said before, also for the server", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  const told = marks();
  await messenger.openThread("talk");
  messenger.send("talk", { content: "Nothing was unread" });
  messenger.isLooking = () => false;
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  messenger.send("talk", { content: "One was" });
  await turn();
  assert.deepEqual(told, [["m2", false]]);
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
});

test("what another device says reads nothing here, and takes unread, again, back", async () => {
  const { messenger, sockets, turn } = await clientConnected();
  const told = marks();
  sockets[0]!.say("conversation.updated", { ...TALK, marked_unread: true }, { cursor: "c-2" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 1);
  sockets[0]!.say("message.new", message(2, { sender_id: "me" }), { cursor: "c-3" });
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
  sockets[0]!.say("message.new", message(3), { cursor: "c-4" });
  sockets[0]!.say("message.new", message(4, { sender_id: "me" }), { cursor: "c-5" });
  await turn();
  assert.equal(messenger.state.getState().unreadCounts.talk, 1, "the server counts it, too");
  assert.deepEqual(told, []);
});

test("a mark that the server could not be told of is told when it is there again", async () => {
  const { messenger, clock, sockets, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  let isDown = true;
  const told = marks(() => isDown);
  await messenger.openThread("talk");
  sockets[0]!.say("message.new", message(2), { cursor: "c-2" });
  await clock.pass(2_000);
  await turn();
  assert.equal(messenger.state.getState().unreadCounts.talk, 1);
  isDown = false;
  sockets[0]!.break();
  await clock.pass(2_000);
  sockets.at(-1)!.hello("c-2");
  sockets.at(-1)!.say("resumed", {});
  await turn();
  assert.deepEqual(told.length, 2);
  assert.equal(messenger.state.getState().unreadCounts.talk, 0);
  sockets.at(-1)!.break();
  await clock.pass(5_000);
  sockets.at(-1)!.hello("c-2");
  await turn();
  assert.equal(told.length, 2, "once");
});

test("a log that does not reach back has everything read anew, and keeps what is on its way", async () => {
  const { messenger, clock, sockets, asked, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  await messenger.openThread("talk");
  messenger.send("talk", { content: "On its way" });
  await turn();
  sockets[0]!.break();
  answers["GET /api/conversations/talk/messages"] = { items: [message(90)], has_more: true, next: null };
  await clock.pass(2_000);
  asked.splice(0);
  let others = 0;
  messenger.onReadAnew = () => others++;
  sockets.at(-1)!.hello("c-90");
  sockets.at(-1)!.say("resync", { cursor: "c-90" });
  await turn();
  assert.equal(others, 1, "so is what others have read");
  assert.ok(asked.includes("GET /api/conversations"));
  const rows = messenger.state.getState().messages.talk!.items;
  assert.deepEqual(
    rows.map(({ content }) => content),
    ["text 90", "On its way"],
  );
});

test("a reaction that the server refuses is taken back, and told", async () => {
  const { messenger, sockets, answers } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  answers["GET /api/messages/m1"] = message(1);
  await messenger.openThread("talk");
  const reactions = [{ emoji: "👍", count: 1, users: ["me"], me: true }];
  sockets[0]!.say("message.reaction", {
    conversation_id: "talk",
    message_id: "m1",
    user_id: "me",
    emoji: "👍",
    reactions,
  });
  const shown = () => messenger.state.getState().messages.talk!.items[0]!;
  assert.equal(shown().reactions.length, 1);
  const before = globalThis.fetch;
  globalThis.fetch = (async (address: string, init: RequestInit) =>
    init.method === "DELETE"
      ? Response.json({ code: "forbidden", status: 403 }, { status: 403 })
      : before(address, init)) as typeof fetch;
  await assert.rejects(messenger.react(shown(), "👍"), { code: "forbidden" });
  assert.deepEqual(shown().reactions, [], "as the server has it");
});

test("a hundred messages written at once go one after another, and stay in their order", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = { items: [message(1)], has_more: false, next: null };
  await messenger.openThread("talk");
  for (let i = 0; i < 100; i++) messenger.send("talk", { content: `${i}` });
  for (let i = 0; i < 100; i++) {
    await turn();
    const sent = sockets[0]!.sent.filter(({ type }) => type === "message");
    assert.equal(sent.length, i + 1);
    const { id, payload } = sent[i]!;
    const taken = message(i + 2, { sender_id: "me", content: `${i}`, client_id: String(payload!.client_id) });
    sockets[0]!.say("message.new", taken, { cursor: `c-${i}` });
    sockets[0]!.say("ack", { message: taken }, { id });
  }
  await turn();
  const rows = messenger.state.getState().messages.talk!.items.slice(1);
  assert.deepEqual(
    rows.map(({ content, pending }) => [content, pending]),
    Array.from({ length: 100 }, (_, i) => [`${i}`, undefined]),
  );
  assert.equal(messenger.outbox.size, 0);
});

test("who says something while they look at what is older comes to the end, where it is", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  answers["GET /api/conversations/talk/messages"] = {
    items: [message(1)],
    has_more: true,
    has_more_before: true,
    has_more_after: true,
    next: null,
  };
  await messenger.openThread("talk", "m1");
  assert.equal(messenger.state.getState().messages.talk!.hasNewer, true);
  answers["GET /api/conversations/talk/messages"] = { items: [message(90)], has_more: true, next: null };
  messenger.send("talk", { content: "Of today" });
  await turn();
  const { id, payload } = sockets[0]!.last("message")!;
  const taken = message(91, { sender_id: "me", content: "Of today", client_id: String(payload!.client_id) });
  sockets[0]!.say("message.new", taken, { cursor: "c-91" });
  sockets[0]!.say("ack", { message: taken }, { id });
  await turn();
  const thread = messenger.state.getState().messages.talk!;
  assert.deepEqual(
    thread.items.map(({ content, pending }) => [content, pending]),
    [
      ["text 90", undefined],
      ["Of today", undefined],
    ],
  );
  assert.equal(thread.hasNewer, false);
});

for (const way of ["older", "newer"] as const) {
  test(`a page of ${way} messages that comes when another piece is shown leaves no hole`, async () => {
    const { messenger, answers, turn } = await clientConnected();
    const piece = (...seqs: number[]) => ({
      items: seqs.map((seq) => message(seq)),
      has_more: true,
      has_more_before: true,
      has_more_after: true,
      next: null,
    });
    answers["GET /api/conversations/talk/messages"] = piece(50, 51);
    await messenger.openThread("talk", "m50");
    answers["GET /api/conversations/talk/messages"] = way === "older" ? piece(48, 49) : piece(52, 53);
    const before = globalThis.fetch;
    let arrive = () => {};
    globalThis.fetch = (async (address: string, init: RequestInit) => {
      const answer = await before(address, init);
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
      return answer;
    }) as typeof fetch;
    const late = way === "older" ? messenger.pages.loadOlder("talk") : messenger.pages.loadNewer("talk");
    await turn();
    globalThis.fetch = before;
    answers["GET /api/conversations/talk/messages"] = piece(99, 100);
    await messenger.pages.loadNewest("talk");
    arrive();
    await late;
    const { items, hasNewer } = messenger.state.getState().messages.talk!;
    assert.deepEqual([items.map(({ seq }) => seq), hasNewer], [[99, 100], false]);
  });
}

test("what comes while the newest messages are asked for stays", async () => {
  const { messenger, sockets, answers, turn } = client();
  const done = messenger.useToken("token");
  await turn();
  sockets[0]!.hello();
  await done;
  answers["GET /api/conversations/talk/messages"] = {
    items: [message(1), message(2)],
    has_more: false,
    next: null,
    has_more_before: false,
    has_more_after: false,
  };
  const answered = globalThis.fetch;
  let arrive = () => {};
  globalThis.fetch = (async (...request: Parameters<typeof fetch>) => {
    const answer = await answered(...request);
    if (String(request[0]).includes("/messages"))
      await new Promise<void>((resolve) => {
        arrive = resolve;
      });
    return answer;
  }) as typeof fetch;
  const opening = messenger.openThread("talk");
  await turn();
  sockets[0]!.say("message.new", message(3), { cursor: "c-3" });
  arrive();
  await opening;
  await turn();
  const shown = () => messenger.state.getState().messages.talk!.items.map(({ id }) => id);
  assert.deepEqual(shown(), ["m1", "m2", "m3"]);
  // What was there before, and the server has no more, goes.
  const again = messenger.pages.loadNewest("talk");
  await turn();
  sockets[0]!.say("message.new", message(4), { cursor: "c-4" });
  arrive();
  await again;
  assert.deepEqual(shown(), ["m1", "m2", "m4"]);
});

test("what is changed while pages are on their way is not shown as it was", async () => {
  const { messenger, sockets, answers, turn } = await clientConnected();
  const piece = { has_more: true, next: null, has_more_before: true, has_more_after: false };
  answers["GET /api/conversations/talk/messages"] = { ...piece, items: [message(3), message(4)] };
  await messenger.openThread("talk");
  const answered = globalThis.fetch;
  let arrive = () => {};
  globalThis.fetch = (async (...request: Parameters<typeof fetch>) => {
    const answer = await answered(...request);
    await new Promise<void>((resolve) => {
      arrive = resolve;
    });
    return answer;
  }) as typeof fetch;
  answers["GET /api/conversations/talk/messages"] = { ...piece, items: [message(1), message(2)] };
  const older = messenger.pages.loadOlder("talk");
  await turn();
  const edited = { ...message(2), content: "as it is now" };
  sockets[0]!.say("message.updated", edited, { cursor: "c-2" });
  const gone = { conversation_id: "talk", message_id: "m1", reason: "me" };
  sockets[0]!.say("message.deleted", gone, { cursor: "c-3" });
  arrive();
  await older;
  const shown = messenger.state.getState().messages.talk!.items;
  assert.deepEqual(
    shown.map(({ id, content }) => [id, content]),
    [
      ["m2", "as it is now"],
      ["m3", message(3).content],
      ["m4", message(4).content],
    ],
  );
  answers["GET /api/conversations"] = {
    items: [{ ...TALK, last_message: message(4), draft: null }],
    has_more: false,
    next: null,
  };
  const list = messenger.loadList("all", true);
  await turn();
  sockets[0]!.say("message.updated", { ...message(4), content: "edited" }, { cursor: "c-4" });
  sockets[0]!.say(
    "draft.updated",
    { conversation_id: "talk", draft: { content: "half" } },
    { cursor: "c-5" },
  );
  arrive();
  await turn();
  globalThis.fetch = answered;
  arrive();
  await list;
  const talk = messenger.state.getState().conversations.talk!;
  assert.deepEqual([talk.last_message?.content, talk.draft?.content], ["edited", "half"]);
});
