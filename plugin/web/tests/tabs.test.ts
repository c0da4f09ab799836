// SPDX-License-Identifier: GPL-3.0-or-later
// Several tabs of one browser: one sends and makes the sounds, all show the same.
import assert from "node:assert/strict";
import test from "node:test";
import { Outbox } from "../client/outbox";
import { Problem } from "../client/problem";
import { MemoryStore } from "../client/store";
import { Tabs } from "../client/tabs";
import type { Message } from "../client/types";
import { FakeClock, FakeHub, FakeLocks, message, settle } from "./support";

function browser() {
  const locks = new FakeLocks();
  const hub = new FakeHub();
  const store = new MemoryStore();
  const clock = new FakeClock();
  const sent: string[] = [];
  let answer: (text: string) => Promise<Message> = async () => message(1);
  const open = async (name: string) => {
    const tabs = new Tabs("me", locks, hub.make);
    const states: string[] = [];
    const outbox: Outbox = new Outbox(
      (_conversation, { content }) => {
        sent.push(`${name}: ${content}`);
        return answer(content!);
      },
      store,
      (item, state) => states.push(`${item.message.content} ${state}`),
      clock,
      (news) => tabs.tell(news),
    );
    tabs.onNews = (news) => outbox.hear(news);
    tabs.onLeading = (leading) => void outbox.setLeading(leading);
    void outbox.setLeading(false);
    tabs.join();
    outbox.setOpen(true);
    await settle();
    return { tabs, outbox, states };
  };
  return {
    open,
    sent,
    store,
    answerBy: (how: typeof answer) => {
      answer = how;
    },
  };
}

test("the first tab sends what any of them writes, in order", async () => {
  const { open, sent, store } = browser();
  const one = await open("one");
  const two = await open("two");
  assert.deepEqual([one.tabs.isLeading, two.tabs.isLeading], [true, false]);
  two.outbox.add("talk", { content: "a" });
  one.outbox.add("talk", { content: "b" });
  two.outbox.add("talk", { content: "c" });
  await settle();
  await settle();
  assert.deepEqual(sent.sort(), ["one: a", "one: b", "one: c"]);
  assert.deepEqual([one.outbox.size, two.outbox.size], [0, 0]);
  assert.deepEqual(await store.queued(), []);
});

test("the tab that is looked at leads; the other leads again when that is closed", async () => {
  const { open, sent } = browser();
  const one = await open("one");
  const two = await open("two");
  two.tabs.lead();
  await settle();
  assert.deepEqual([one.tabs.isLeading, two.tabs.isLeading], [false, true]);
  one.outbox.add("talk", { content: "a" });
  await settle();
  await settle();
  two.tabs.end();
  await settle();
  one.outbox.add("talk", { content: "b" });
  await settle();
  assert.deepEqual(sent, ["two: a", "one: b"]);
  assert.ok(one.tabs.isLeading);
});

test("what a closed tab has left waiting is sent by the next, once", async () => {
  const { open, sent, answerBy } = browser();
  const one = await open("one");
  const two = await open("two");
  answerBy(() => new Promise(() => {})); // the first tab is closed before it is answered
  one.outbox.add("talk", { content: "a" });
  one.outbox.add("talk", { content: "b" });
  await settle();
  answerBy(async () => message(1));
  one.outbox.setOpen(false);
  one.tabs.end();
  await settle();
  await settle();
  assert.deepEqual(sent, ["one: a", "two: a", "two: b"]); // under the same client_id: the server has it once
  assert.equal(two.outbox.size, 0);
});

test("what failed is shown by all, and any of them retries or discards it", async () => {
  const { open, sent, answerBy, store } = browser();
  const one = await open("one");
  const two = await open("two");
  answerBy(async () => {
    throw new Problem("refused", 403);
  });
  const { client_id } = one.outbox.add("talk", { content: "a" });
  await settle();
  assert.equal(two.states.at(-1), "a failed");
  answerBy(async () => message(1));
  two.outbox.retry(client_id);
  await settle();
  await settle();
  assert.deepEqual(sent, ["one: a", "one: a"]);
  answerBy(async () => {
    throw new Problem("refused", 403);
  });
  const again = two.outbox.add("talk", { content: "b" });
  await settle();
  await settle();
  two.outbox.discard(again.client_id);
  await settle();
  assert.equal(one.states.at(-1), "b discarded");
  assert.deepEqual(await store.queued(), []);
});

test("a tab that did not hear drops what is done with when it comes to lead", async () => {
  const { open, store } = browser();
  const one = await open("one");
  const two = await open("two");
  two.tabs.onNews = null; // asleep
  one.outbox.setOpen(false);
  one.outbox.add("talk", { content: "a" });
  await settle();
  const [kept] = await store.queued();
  two.outbox.hear({ kind: "queued", item: kept! });
  one.outbox.setOpen(true);
  await settle();
  assert.equal(two.outbox.size, 1);
  two.tabs.lead();
  await settle();
  assert.equal(two.outbox.size, 0);
  assert.equal(two.states.at(-1), "a discarded");
});
