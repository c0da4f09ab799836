// SPDX-License-Identifier: GPL-3.0-or-later
// What is kept of what the server has lasts for a while.
import assert from "node:assert/strict";
import test from "node:test";
import { queries } from "../app/client";
import {
  CACHE_LIFETIME,
  cached,
  MemoryStore,
  openStore,
  type StoreTrouble,
  unexpired,
} from "../client/store";
import { FakeClock, message } from "./support";

test("what is cached is of use until it expires, and not if the clock was wrong", () => {
  const entry = cached("x", 1_000);
  assert.deepEqual(entry, { value: "x", expires: 1_000 + CACHE_LIFETIME });
  assert.equal(unexpired(entry, 1_000), "x");
  assert.equal(unexpired(entry, 1_000 + CACHE_LIFETIME - 1), "x");
  assert.equal(unexpired(entry, 1_000 + CACHE_LIFETIME), null);
  assert.equal(unexpired(entry, 999), null, "the clock was ahead when it was saved");
  assert.equal(unexpired(undefined, 0), null);
  // As an older version of the page has left it, or something else.
  assert.equal(unexpired({ messages: [], saved_at: 5 } as never, 0), null);
  assert.equal(unexpired({ value: "x", expires: Number.NaN }, 0), null);
});

test("messages and the list go after a week without a word, what is to be sent does not", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore(clock.now);
  await store.saveThread("talk", [message(1), message(2, { expires_at: "2030-01-01T00:00:00.000Z" })]);
  await store.saveFact("conversations", { items: [] });
  const queued = {
    client_id: "c",
    conversation_id: "talk",
    message: {},
    created_at: 0,
    order: 1,
    failed: null,
  };
  await store.put(queued);
  assert.deepEqual(
    (await store.thread("talk"))!.map(({ seq }) => seq),
    [1],
    "what is to disappear is not kept",
  );
  await clock.pass(CACHE_LIFETIME - 1);
  assert.ok(await store.fact("conversations"));
  await clock.pass(1);
  assert.deepEqual([await store.thread("talk"), await store.fact("conversations")], [null, null]);
  assert.equal((await store.queued()).length, 1);
  await store.saveThread("talk", [message(3)]);
  assert.equal((await store.thread("talk"))!.length, 1, "it was saved anew");
});

test("what was asked for, and is not on the screen, goes after minutes", () => {
  const { staleTime, gcTime } = queries.getDefaultOptions().queries!;
  assert.deepEqual([staleTime, gcTime], [60_000, 300_000]);
});

test("where there is no database it is in memory alone, and that is told", async () => {
  const told: StoreTrouble[] = [];
  const store = await openStore("me", Date.now, (what) => told.push(what));
  assert.deepEqual(told, ["none"]);
  await store.saveThread("talk", [message(1)]);
  assert.equal((await store.thread("talk"))?.length, 1);
  await store.wipe();
  assert.equal(await store.thread("talk"), null);
});
