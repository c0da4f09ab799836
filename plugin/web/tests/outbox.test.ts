// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { Outbox } from "../client/outbox";
import { Problem } from "../client/problem";
import { MemoryStore } from "../client/store";
import type { Message } from "../client/types";
import { FakeClock, message, settle } from "./support";

type Attempt = {
  conversation: string;
  content: string;
  client_id: string;
  answer: (value: Message | Problem) => Promise<void>;
};

function outbox(store = new MemoryStore()) {
  const clock = new FakeClock();
  const attempts: Attempt[] = [];
  const states: string[] = [];
  const box = new Outbox(
    (conversation, outgoing) =>
      new Promise((resolve, reject) =>
        attempts.push({
          conversation,
          content: outgoing.content!,
          client_id: outgoing.client_id,
          answer: async (value) => {
            if (value instanceof Problem) reject(value);
            else resolve(value);
            await settle();
          },
        }),
      ),
    store,
    (item, state) => states.push(`${item.message.content} ${state}`),
    clock,
  );
  return { box, attempts, states, clock, store };
}

const busy = new Problem("unavailable", 503);
const refused = new Problem("refused", 403);

test("one at a time in a conversation, in order; conversations do not wait for each other", async () => {
  const { box, attempts } = outbox();
  box.setOpen(true);
  for (const text of ["a", "b", "c"]) box.add("one", { content: text });
  box.add("two", { content: "x" });
  await settle();
  assert.deepEqual(
    attempts.map(({ content }) => content),
    ["a", "x"],
  );
  await attempts[0]!.answer(message(1));
  assert.deepEqual(
    attempts.map(({ content }) => content),
    ["a", "x", "b"],
  );
  await attempts[2]!.answer(message(2));
  await attempts[3]!.answer(message(3));
  assert.equal(box.size, 1);
});

test("waits while there is no way, and keeps everything in the store", async () => {
  const { box, attempts, store } = outbox();
  box.add("one", { content: "a" });
  box.add("one", { content: "b" });
  await settle();
  assert.equal(attempts.length, 0);
  assert.deepEqual(
    (await store.queued()).map((item) => item.message.content),
    ["a", "b"],
  );
  const again = outbox(store);
  await again.box.restore();
  again.box.setOpen(true);
  await settle();
  assert.equal(again.attempts[0]!.content, "a");
  await again.attempts[0]!.answer(message(1));
  await again.attempts[1]!.answer(message(2));
  assert.deepEqual(await store.queued(), []);
});

test("tries again under the same id, later and later, but not before the server says so", async () => {
  const { box, attempts, clock } = outbox();
  box.setOpen(true);
  box.add("one", { content: "a" });
  await settle();
  await attempts[0]!.answer(busy);
  await clock.pass(999);
  assert.equal(attempts.length, 1);
  await clock.pass(1);
  assert.equal(attempts[1]!.client_id, attempts[0]!.client_id);
  await attempts[1]!.answer(new Problem("rate_limited", 429, null, 20));
  await clock.pass(19_999);
  assert.equal(attempts.length, 2);
  await clock.pass(1);
  assert.equal(attempts.length, 3);
});

test("what is refused for good stops those behind it, until it is retried or discarded", async () => {
  const { box, attempts, states } = outbox();
  box.setOpen(true);
  const first = box.add("one", { content: "a" });
  box.add("one", { content: "b" });
  await settle();
  await attempts[0]!.answer(refused);
  assert.deepEqual(states.at(-1), "a failed");
  assert.equal(attempts.length, 1);
  box.retry(first.client_id);
  await settle();
  await attempts[1]!.answer(refused);
  box.discard(first.client_id);
  await settle();
  assert.equal(attempts[2]!.content, "b");
  assert.ok(states.includes("a discarded"));
});

test("an event that comes before the answer counts, once", async () => {
  const { box, attempts, states } = outbox();
  box.setOpen(true);
  const item = box.add("one", { content: "a" });
  await settle();
  box.arrived(item.client_id, message(1));
  await attempts[0]!.answer(message(1));
  assert.deepEqual(
    states.filter((state) => state === "a sent"),
    ["a sent"],
  );
  box.add("one", { content: "b" });
  await settle();
  box.arrived(box.add("one", { content: "c" }).client_id, message(3));
  await attempts[1]!.answer(busy);
  assert.equal(box.size, 1);
});

test("an answer that fails after the event has come is no failure", async () => {
  const { box, attempts, states } = outbox();
  box.setOpen(true);
  const item = box.add("one", { content: "a" });
  box.add("one", { content: "b" });
  await settle();
  box.arrived(item.client_id, message(1));
  await attempts[0]!.answer(new Problem("unreachable", 0));
  assert.equal(attempts[1]!.content, "b");
  assert.ok(!states.includes("a failed"));
});
