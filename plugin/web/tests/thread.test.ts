// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { threadRows } from "../app/thread/rows";
import {
  addMessage,
  addPage,
  addPending,
  changeMessage,
  dropPending,
  EMPTY,
  type Messages,
  newest,
  oldest,
  ownReactions,
  type Row,
  removeMessage,
  rowKey,
} from "../client/thread";
import { message } from "./support";

const ids = (thread: Messages) => thread.items.map((row) => row.id);
const page = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const loaded = addPage(EMPTY, page(5, 7), { hasOlder: true, hasNewer: false });
const waiting = (client_id: string, more: Partial<Row> = {}): Row => ({
  ...message(99, { id: client_id, client_id, sender_id: "me", ...more }),
  pending: "queued",
});

test("pages join without doubles, in order", () => {
  const older = addPage(loaded, page(2, 5), { hasOlder: false });
  assert.deepEqual(ids(older), ["m2", "m3", "m4", "m5", "m6", "m7"]);
  assert.equal(older.hasOlder, false);
  assert.equal(oldest(older)!.id, "m2");
  assert.deepEqual(ids(addPage(older, page(20, 21), { replace: older })), ["m20", "m21"]);
});

test("a new message goes to the end; one that is known is renewed", () => {
  const more = addMessage(loaded, message(8)) as Messages;
  assert.deepEqual(ids(more), ["m5", "m6", "m7", "m8"]);
  const renewed = addMessage(more, message(6, { content: "else" })) as Messages;
  assert.equal(renewed.items[1]!.content, "else");
  assert.equal(renewed.items.length, 4);
});

test("a hole before a new message is noticed", () => {
  assert.equal(addMessage(loaded, message(9)), "gap");
  const far = addPage(EMPTY, page(1, 3), { hasNewer: true });
  assert.deepEqual(ids(addMessage(far, message(9)) as Messages), ["m1", "m2", "m3"]);
});

test("what is sent keeps its row when the server takes it", () => {
  const sent = addPending(loaded, waiting("c1"));
  assert.deepEqual(ids(sent), ["m5", "m6", "m7", "c1"]);
  const taken = addMessage(sent, message(8, { client_id: "c1", sender_id: "me" })) as Messages;
  assert.deepEqual(ids(taken), ["m5", "m6", "m7", "m8"]);
  assert.equal(rowKey(taken.items[3]!), rowKey(sent.items[3]!));
  assert.equal(newest(sent)!.id, "m7");
});

test("a client_id of somebody else is not one's own", () => {
  const sent = addPending(loaded, waiting("c1"));
  const other = addMessage(sent, message(8, { client_id: "c1", sender_id: "other" })) as Messages;
  assert.deepEqual(ids(other), ["m5", "m6", "m7", "m8", "c1"]);
});

test("pending rows stay in the order in which they were written, and can go", () => {
  let thread = addPending(addPending(loaded, waiting("c1")), waiting("c2"));
  thread = addPending(thread, { ...waiting("c1"), pending: "failed" });
  assert.deepEqual(ids(thread).slice(3), ["c1", "c2"]);
  assert.equal(thread.items[3]!.pending, "failed");
  assert.deepEqual(ids(dropPending(thread, "c1")).slice(3), ["c2"]);
  assert.deepEqual(ids(addPage(thread, page(8, 9), {})), ["m5", "m6", "m7", "m8", "m9", "c1", "c2"]);
});

test("changes touch one message; of an unknown one, none", () => {
  const changed = changeMessage(loaded, "m6", (row) => ({ ...row, content: "!" }));
  assert.equal(changed.items[1]!.content, "!");
  assert.equal(changed.items[0], loaded.items[0]);
  assert.equal(
    changeMessage(loaded, "m99", (row) => row),
    loaded,
  );
  assert.deepEqual(ids(removeMessage(loaded, "m6")), ["m5", "m7"]);
});

test("rows: days, the unread line, and who belongs together", () => {
  const me = { id: "me" } as never;
  const day = 86_400_000;
  const at = (seq: number, when: number, sender_id = "other") =>
    message(seq, { created_at: new Date(1_700_000_000_000 + when).toISOString(), sender_id });
  const rows = threadRows(
    [at(1, 0), at(2, 1000), at(3, 2000, "me"), at(4, day), at(5, day + 400_000)],
    3,
    me,
  );
  assert.deepEqual(
    rows.map((row) =>
      row.kind === "message"
        ? `${row.message.seq}${row.isFirst ? "f" : ""}${row.isLast ? "l" : ""}`
        : row.kind,
    ),
    ["day", "1f", "2l", "3fl", "day", "unread", "4fl", "5fl"],
  );
  const shown = (messages: Row[], read: number) =>
    threadRows(messages, read, me).flatMap((row) =>
      row.kind === "message" ? row.message.seq : row.kind === "unread" ? "unread" : [],
    );
  assert.deepEqual(shown([at(1, 0), at(2, 1)], 0), [1, 2], "no line above the very first");
  assert.deepEqual(
    shown([at(1, 0, "me"), at(2, 1), at(3, 2)], 0),
    [1, "unread", 2, 3],
    "nothing was ever read",
  );
  assert.deepEqual(shown([at(1, 0), at(2, 1, "me"), at(3, 2)], 1), [1, 2, "unread", 3], "by another device");
  assert.deepEqual(shown([at(1, 0), at(2, 1, "me")], 1), [1, 2], "nothing counts");
});

test("of the reactions of an event one's own are known", () => {
  const me = { id: "me" } as never;
  const reaction = (emoji: string, count: number, users: string[], more = {}) =>
    ({ emoji, count, users, ...more }) as never;
  const own = (news: object, before: never[] = []) =>
    ownReactions({ user_id: "other", emoji: "👍", ...news } as never, before, me).map(({ me: mine }) => mine);
  assert.deepEqual(own({ reactions: [reaction("👍", 2, ["other", "me"]), reaction("🎉", 1, ["other"])] }), [
    true,
    false,
  ]);
  // So many that not all are named.
  const many = [reaction("👍", 200, ["other"])];
  assert.deepEqual(own({ reactions: many }), [false]);
  assert.deepEqual(own({ reactions: many }, [reaction("👍", 199, ["other"], { me: true })]), [true]);
  assert.deepEqual(own({ reactions: many, user_id: "me", added: true }), [true]);
  assert.deepEqual(
    own({ reactions: many, user_id: "me", added: false }, [reaction("👍", 201, [], { me: true })]),
    [false],
  );
});
