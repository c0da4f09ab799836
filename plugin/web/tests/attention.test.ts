// SPDX-License-Identifier: GPL-3.0-or-later
// What asks for attention, when it must not, and the keys that work everywhere.
import assert from "node:assert/strict";
import test from "node:test";
import { nextMorning } from "../app/notifications/DoNotDisturb";
import { newMissed } from "../app/notifications/NotificationCenter";
import { parseRoute } from "../app/routes";
import { neighbour, type Press, shortcutOf, shownShortcuts } from "../app/shortcuts/shortcuts";
import { dismissNotice, forgetNotices, keepNotice, notices } from "../app/stores/notices";
import { FOREVER, isQuietTime, preferences } from "../app/stores/preferences";
import { outageTeller, withoutPeople } from "../app/trouble";
import type { Call } from "../client/types";
import en from "../i18n/en.json";

test("quiet ends by itself, or not at all", () => {
  assert.equal(isQuietTime(1000), false);
  preferences.setState({ quietUntil: 2000 });
  assert.equal(isQuietTime(1000), true);
  assert.equal(isQuietTime(2000), false);
  preferences.setState({ quietUntil: FOREVER });
  assert.equal(isQuietTime(8e15), true);
  preferences.setState({ quietUntil: 0 });
});

test("the morning is the next one, also over the end of a month", () => {
  assert.equal(nextMorning(new Date(2026, 0, 31, 7, 59)), new Date(2026, 0, 31, 8).getTime());
  assert.equal(nextMorning(new Date(2026, 0, 31, 8, 0)), new Date(2026, 1, 1, 8).getTime());
});

test("of the missed calls only the new ones are news", () => {
  const call = (id: string, direction: string, status: string) => ({ id, direction, status }) as Call;
  const calls = [
    call("1", "incoming", "missed"),
    call("2", "outgoing", "missed"),
    call("3", "incoming", "ended"),
    call("4", "incoming", "missed"),
    call("5", "incoming", "missed"),
  ];
  assert.deepEqual(
    newMissed(calls, 2).map(({ id }) => id),
    ["1", "4"],
  );
  assert.deepEqual(newMissed(calls, 0), []);
});

test("what was told is kept, newest first, until it is dismissed, and not without end", () => {
  for (let n = 0; n < 60; n++) keepNotice(`${n}`, null);
  const { items } = notices.getState();
  assert.equal(items.length, 50);
  assert.equal(items[0]!.text, "59");
  dismissNotice(items[0]!.id);
  assert.equal(notices.getState().items[0]!.text, "58");
  forgetNotices();
  assert.deepEqual(notices.getState().items, []);
});

test("keys have a modifier, and take no others along", () => {
  const press = (key: string, how: Partial<Press> = {}): Press => ({
    key,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    shiftKey: false,
    ...how,
  });
  assert.equal(shortcutOf(press("k"), false), null);
  assert.equal(shortcutOf(press("k", { ctrlKey: true }), false), "search");
  assert.equal(shortcutOf(press("k", { ctrlKey: true }), true), null);
  assert.equal(shortcutOf(press("k", { metaKey: true }), true), "search");
  assert.equal(shortcutOf(press("k", { ctrlKey: true, metaKey: true }), false), null);
  assert.equal(shortcutOf(press("k", { ctrlKey: true, shiftKey: true }), false), null);
  assert.equal(shortcutOf(press("/", { ctrlKey: true, shiftKey: true }), false), "help"); // where / needs it
  assert.equal(shortcutOf(press("ArrowDown", { altKey: true }), false), "next");
  assert.equal(shortcutOf(press("ArrowUp", { altKey: true }), false), "previous");
  assert.equal(shortcutOf(press("ArrowDown", { altKey: true, shiftKey: true }), false), "unread");
  assert.equal(shortcutOf(press("ArrowDown", { altKey: true, ctrlKey: true }), false), null);
  assert.equal(shortcutOf(press("ArrowDown"), false), null);
  for (const mac of [true, false]) for (const [, text] of shownShortcuts(mac)) assert.ok(text in en, text);
});

test("the list is gone along to its ends, from anywhere", () => {
  const ids = ["a", "b", "c", "d"];
  assert.equal(neighbour(ids, "b", 1), "c");
  assert.equal(neighbour(ids, "b", -1), "a");
  assert.equal(neighbour(ids, "a", -1), null);
  assert.equal(neighbour(ids, "d", 1), null);
  assert.equal(neighbour(ids, null, 1), "a");
  assert.equal(neighbour(ids, "elsewhere", -1), "a");
  assert.equal(neighbour([], null, 1), null);
  assert.equal(
    neighbour(ids, "a", 1, (id) => id === "d"),
    "d",
  );
});

test("what is new has an address", () => {
  assert.deepEqual(parseRoute("/notifications", ""), { name: "notifications" });
});

test("what went wrong is told without whom it went wrong for", () => {
  assert.equal(
    withoutPeople("at https://a.example/c/01a227dd-d419-73d8-aaa4-5611808d6474?m=1#code=abc (main.js:1:2)"),
    "at https://a.example/c/… (main.js:1:2)",
  );
  assert.equal(withoutPeople('no session for "alice@example.org" now'), 'no session for "…" now');
});

test("an outage is told when it is over, if it was one", () => {
  let time = 0;
  const tell = outageTeller(() => time);
  assert.equal(tell({ connection: "connecting", attempts: 0 }), null);
  assert.equal(tell({ connection: "connected", attempts: 0 }), null);
  tell({ connection: "offline", attempts: 1 });
  time = 3_000;
  tell({ connection: "offline", attempts: 2 });
  assert.equal(tell({ connection: "connected", attempts: 0 }), null, "two attempts are a tunnel");
  tell({ connection: "offline", attempts: 4 });
  tell({ connection: "polling", attempts: 5 });
  time = 63_000;
  assert.equal(tell({ connection: "connected", attempts: 0 }), "away for 60 s, 5 attempts");
  assert.equal(tell({ connection: "connected", attempts: 0 }), null);
});
