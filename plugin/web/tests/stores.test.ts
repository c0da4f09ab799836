// SPDX-License-Identifier: GPL-3.0-or-later
// What is shown of conversations, and what is told beside them.
import assert from "node:assert/strict";
import test from "node:test";
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { attempt } from "../app/client";
import { readAnew, takeTold } from "../app/shared/anew";
import { announce, announcer } from "../app/shared/announce";
import { followEvents } from "../app/shared/follow";
import { isOurs } from "../app/shared/links";
import { previewOf, previewOfQuote } from "../app/shared/preview";
import { dismissToast, showToast, toasts } from "../app/stores/toasts";
import {
  compareConversations,
  createMessagingStore,
  fits,
  isOwn,
  otherOf,
  titleOf,
} from "../client/MessagingState";
import { Problem } from "../client/problem";
import type { Conversation, Presence } from "../client/types";
import { FakeClock, message, settle } from "./support";

/** Runs WHAT with the page's own timers turned by a clock of ours. */
async function withClock(what: (clock: FakeClock) => Promise<void>) {
  const clock = new FakeClock();
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = clock.setTimeout as unknown as typeof setTimeout;
  try {
    await what(clock);
  } finally {
    globalThis.setTimeout = real;
  }
}

const me = { id: "me", name: "Me" } as never;
function talk(id: string, more: Partial<Conversation> = {}): Conversation {
  return {
    id,
    type: "direct",
    name: null,
    participants: [{ user: { id: "me", name: "Me" } }, { user: { id: `${id}'s`, name: `${id}'s name` } }],
    last_message_at: "2026-01-01T00:00:00.000Z",
    unread_count: 0,
    unread_mentions: 0,
    marked_unread: false,
    pinned: false,
    archived: false,
    request: null,
    ...more,
  } as unknown as Conversation;
}

test("the store knows conversations, who is in them, and how much is unread", () => {
  const { getState } = createMessagingStore();
  getState().setConversations([talk("a", { unread_count: 3 }), talk("b", { marked_unread: true })]);
  assert.deepEqual(getState().unreadCounts, { a: 3, b: 1 });
  assert.equal(getState().people["a's"]!.name, "a's name");
  const { people } = getState();
  getState().setConversations([talk("a", { unread_count: 4 })]);
  assert.equal(getState().people, people, "nobody is new: what shows names is not drawn again");
  getState().markAsRead("a");
  getState().markAsRead("b");
  getState().markAsRead("unknown");
  assert.deepEqual(getState().unreadCounts, { a: 0, b: 0 });
  assert.equal(getState().conversations.b!.marked_unread, false);
});

test("who types and who is there is known one by one", () => {
  const { getState } = createMessagingStore();
  for (const user of ["x", "y", "x"]) getState().setTyping("a", user, true);
  assert.deepEqual(getState().typingUsers.a, ["y", "x"]);
  getState().setTyping("a", "y", false);
  getState().setTyping("b", "y", false);
  assert.deepEqual(getState().typingUsers.a, ["x"]);
  getState().setUserOnline({ user_id: "x", status: "online" } as Presence);
  getState().setUserOnline({ user_id: "x", status: "offline" } as Presence);
  assert.equal(getState().onlineUsers.x!.status, "offline");
  getState().reset();
  assert.deepEqual([getState().typingUsers, getState().onlineUsers, getState().conversations], [{}, {}, {}]);
});

test("pinned ones come first, then the newest, and equal ones always in the same order", () => {
  const all = [
    talk("a"),
    talk("b", { last_message_at: "2026-02-01T00:00:00.000Z" }),
    talk("c", { pinned: true }),
    talk("d"),
  ];
  const ids = (list: Conversation[]) => list.sort(compareConversations).map(({ id }) => id);
  assert.deepEqual(ids([...all]), ["c", "b", "d", "a"]);
  assert.deepEqual(ids([...all].reverse()), ["c", "b", "d", "a"]);
});

test("a conversation belongs into the lists of its state", () => {
  const lists = (conversation: Conversation) =>
    (["all", "unread", "archived", "requests"] as const).filter((filter) => fits(conversation, filter));
  assert.deepEqual(lists(talk("a")), ["all"]);
  assert.deepEqual(lists(talk("a", { unread_count: 1 })), ["all", "unread"]);
  assert.deepEqual(lists(talk("a", { marked_unread: true })), ["all", "unread"]);
  assert.deepEqual(lists(talk("a", { archived: true, unread_count: 1 })), ["archived"]);
  assert.deepEqual(lists(talk("a", { request: "pending", unread_count: 1 } as never)), ["requests"]);
});

test("a conversation of two is named as the other, also one with oneself", () => {
  assert.equal(titleOf(talk("a"), me), "a's name");
  const alone = talk("a", { participants: [{ user: { id: "me", name: "Me" } }] as never });
  assert.equal(otherOf(alone, me)!.id, "me");
  assert.equal(titleOf(talk("a", { type: "group", name: "Hikers" }), me), "Hikers");
  const nameless = { user: { id: "x", name: "", username: "", jid: "x@example.org" } };
  assert.equal(titleOf(talk("a", { participants: [nameless] as never }), me), "x@example.org");
  assert.equal(titleOf(talk("a", { participants: [] }), me), "");
  assert.equal(isOwn(message(1), me), false);
  assert.equal(isOwn(message(1, { sender_id: null }), { id: null } as never), false);
});

test("every kind of message has one line", () => {
  const line = (more: object) => previewOf(message(1, { content: null, ...more } as never));
  assert.equal(line({ content: "words" }), "words");
  assert.equal(line({ content: "words", deleted_at: "x" }), "This message was deleted");
  assert.equal(line({ message_type: "poll", metadata: { poll: { question: "Tea?" } } }), "📊 Tea?");
  assert.equal(line({ message_type: "location", metadata: { location: {} } }), "📍 Location");
  assert.equal(line({ message_type: "location", metadata: { location: { label: "Here" } } }), "📍 Here");
  assert.equal(line({ message_type: "call" }), "📞 Call");
  assert.equal(line({ message_type: "call", content: "Of another server" }), "📞 Of another server");
  const missed = { message_type: "call", content: "?", metadata: { call_type: "audio", status: "missed" } };
  assert.equal(line(missed), "📞 Missed voice call");
  assert.equal(line({ message_type: "voice" }), "🎤 Voice message");
  assert.equal(
    line({ message_type: "media", attachments: [{ type: "image", filename: "a.png" }] }),
    "🖼 Picture",
  );
  assert.equal(line({ message_type: "media", attachments: [{ type: "video" }], content: "Look" }), "🎬 Look");
  assert.equal(
    line({ message_type: "file", attachments: [{ type: "document", filename: "a.pdf" }] }),
    "📎 a.pdf",
  );
  assert.equal(line({ message_type: "file" }), "📎 File");
  assert.ok(line({ message_type: "of another time" }), "what is not known has a line, too");
  assert.ok(line({ message_type: "system", metadata: null }));
  assert.equal(previewOfQuote({ deleted: true } as never), "This message was deleted");
  assert.equal(previewOfQuote({ deleted: false, content: "said" } as never), "said");
  const quoted = { deleted: false, content: "?", message_type: "call" } as never;
  assert.equal(previewOfQuote(quoted), "📞 Call");
  assert.equal(previewOfQuote(quoted, message(1, missed as never)), "📞 Missed voice call");
});

test("notices go by themselves, later if there is something to be done, and are few", async () => {
  await withClock(async (clock) => {
    const texts = () => toasts.getState().items.map(({ text }) => text);
    showToast("one");
    showToast("two", { label: "Do it", run: () => {} });
    showToast("one");
    assert.deepEqual(texts(), ["two", "one"], "the same is not said twice");
    await clock.pass(6_000);
    assert.deepEqual(texts(), ["two"]);
    await clock.pass(9_000);
    assert.deepEqual(texts(), []);
    for (let i = 0; i < 10; i++) showToast(`${i}`);
    assert.deepEqual(texts(), ["6", "7", "8", "9"]);
    dismissToast(toasts.getState().items[0]!.id);
    assert.deepEqual(texts(), ["7", "8", "9"]);
    await clock.pass(6_000);
  });
});

test("what may succeed later can be tried again, what was refused cannot", async () => {
  await withClock(async (clock) => {
    let tries = 0;
    const run = async () => {
      tries++;
      if (tries === 1) throw new Problem("unreachable", 0);
      return "done";
    };
    assert.equal(await attempt(run), undefined);
    const [told] = toasts.getState().items;
    assert.ok(told!.text.length > 10 && told!.action);
    told!.action!.run();
    await clock.pass(15_000);
    assert.equal(tries, 2);
    await attempt(async () => {
      throw new Problem("forbidden", 403);
    });
    assert.equal(toasts.getState().items[0]!.action, undefined);
    await clock.pass(6_000);
    await attempt(async () => {
      throw new Problem("a code of another time", 400);
    });
    assert.match(toasts.getState().items[0]!.text, /a code of another time/);
    await clock.pass(6_000);
  });
});

test("what is new is read out once a second, the last three, and again if it is said again", async () => {
  await withClock(async (clock) => {
    for (const text of ["a", "b", "c", "d"]) announce(text);
    assert.equal(announcer.getState().text, "");
    await clock.pass(1_000);
    assert.equal(announcer.getState().text, "b. c. d");
    announce("yes");
    await clock.pass(1_000);
    announce("yes");
    await clock.pass(1_000);
    assert.equal(announcer.getState().text, "yes\u00a0");
  });
});

test("what was read follows what other devices change, and what is kept no longer", async () => {
  const queries = new QueryClient();
  const listeners: Record<string, (payload: unknown) => void> = {};
  followEvents(
    {
      on: (type, listener) => {
        listeners[type] = (payload) => listener({ type, ts: "", payload });
        return () => {};
      },
    },
    queries,
  );
  for (const [setting, key] of [
    ["privacy", "privacy"],
    ["data_sharing", "data-sharing"],
    ["retention", "retention"],
  ]) {
    queries.setQueryData([key], { was: true });
    listeners["settings.updated"]!({ setting, value: { now: setting } });
    assert.deepEqual(queries.getQueryData([key]), { now: setting });
  }
  const before = queries.getQueryCache().getAll().length;
  listeners["settings.updated"]!({ setting: "unknown", value: {} });
  assert.equal(queries.getQueryCache().getAll().length, before);
  for (const key of [["starred"], ["search", "x"], ["media", "talk"], ["media", "other"]])
    queries.setQueryData(key, 1);
  listeners["conversation.expired"]!({ conversation_id: "talk", up_to_seq: 5 });
  const stale = queries.getQueryCache().findAll({ stale: true, predicate: (one) => one.state.isInvalidated });
  assert.deepEqual(
    stale.map(({ queryKey }) => queryKey),
    [["starred"], ["search", "x"], ["media", "talk"]],
  );
  queries.clear();
});

/** Something on the screen whose answers the test gives, in order. */
function shown(queries: QueryClient, queryKey: string[]) {
  const answers: ((value: string | Error) => void)[] = [];
  const queryFn = () =>
    new Promise<string>((good, bad) =>
      answers.push((value) => (value instanceof Error ? bad(value) : good(value))),
    );
  const observer = new QueryObserver(queries, { queryKey, queryFn, retry: false, structuralSharing: false });
  const end = observer.subscribe(() => {});
  return { answers, end, data: () => observer.getCurrentResult().data };
}

test("what changes while it is read for the first time is read once more", async () => {
  const queries = new QueryClient();
  const list = shown(queries, ["list"]);
  const ends = ["one", "two", "three"].map(() => readAnew(queries, { queryKey: ["list"] }));
  assert.equal(list.answers.length, 1);
  list.answers[0]!("as it was");
  await settle();
  assert.deepEqual([list.answers.length, list.data()], [2, "as it was"]);
  list.answers[1]!("as it is");
  await Promise.all(ends);
  assert.deepEqual([list.answers.length, list.data()], [2, "as it is"]);
  const again = readAnew(queries, { queryKey: ["list"] });
  list.answers[2]!("later");
  await again;
  assert.deepEqual([list.answers.length, list.data()], [3, "later"]);
  list.end();
  queries.clear();
});

test("what was never read is not asked for again when it changes", async () => {
  const queries = new QueryClient();
  const list = shown(queries, ["list"]);
  const end = readAnew(queries, { queryKey: ["list"] });
  list.answers[0]!(new Error("not there"));
  await end;
  assert.equal(list.answers.length, 1);
  list.end();
  queries.clear();
});

test("what is told while it is read is not taken back by an older answer", async () => {
  const queries = new QueryClient();
  const one = shown(queries, ["one"]);
  takeTold(queries, ["one"], "told");
  one.answers[0]!("as it was");
  await settle();
  assert.deepEqual([one.answers.length, one.data()], [2, "told"]);
  one.answers[1]!("told");
  await settle();
  takeTold(queries, ["one"], "told again");
  await settle();
  assert.deepEqual([one.answers.length, one.data()], [2, "told again"], "nothing was on its way");
  one.end();
  queries.clear();
});

test("only pictures of the page's own host are loaded", () => {
  Object.assign(globalThis, { location: new URL("https://chat.example/c/1") });
  for (const url of ["/api/avatars/1", "https://chat.example/f/1", "f/2"]) assert.ok(isOurs(url), url);
  const foreign = [
    "https://evil.example/a.png",
    "//evil.example/a.png",
    "/\\evil.example/a",
    "http://chat.example/a",
  ];
  const none = [
    "data:image/png;base64,",
    "javascript:alert(1)",
    "blob:null/1",
    "https://[",
    null,
    undefined,
    "",
  ];
  for (const url of [...foreign, ...none]) assert.equal(isOurs(url), false, String(url));
  Reflect.deleteProperty(globalThis, "location");
});
