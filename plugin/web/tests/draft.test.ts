// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { DraftWatch } from "../app/composer/drafts";

const draft = (content: string) => ({ content, reply_to: null, updated_at: "x" }) as never;

test("what another device writes is shown where nothing of one's own is lost", () => {
  const watch = new DraftWatch();
  assert.equal(watch.hear(draft("theirs"), "", ""), "take");
  assert.equal(watch.hear(draft("theirs"), "saved", "saved"), "take");
  assert.equal(watch.hear(draft("theirs"), "saved", " "), "take");
  assert.equal(watch.hear(draft("theirs"), "", "theirs"), "ignore");
});

test("where both have written, the person is asked", () => {
  const watch = new DraftWatch();
  assert.equal(watch.hear(draft("theirs"), "saved", "saved and more"), "ask");
  assert.equal(watch.hear(draft("theirs"), "", "mine"), "ask");
});

test("echoes of one's own are none of another's", () => {
  const watch = new DraftWatch();
  watch.saving("a");
  watch.saving("ab");
  assert.equal(watch.hear(draft("a"), "ab", "abc"), "ignore");
  assert.equal(watch.hear(draft("ab"), "ab", "abc"), "ignore");
  for (let n = 0; n < 60; n++) watch.saving(`text ${n}`);
  assert.equal(watch.hear(draft("a"), "ab", "abc"), "ask", "of so many, the oldest are forgotten");
});

test("a draft that was sent elsewhere goes here, too, but not what was written since", () => {
  let now = 0;
  const watch = new DraftWatch(() => now);
  watch.saving("a");
  assert.equal(watch.hear(null, "a", "a"), "ignore", "this may be about the one before");
  now = 11_000;
  assert.equal(watch.hear(null, "a", "a"), "take");
  assert.equal(watch.hear(null, "a", "ab"), "ignore");
});
