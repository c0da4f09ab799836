// SPDX-License-Identifier: GPL-3.0-or-later
// Mentions, links, routes and texts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { suspiciousLink } from "../app/composer/links";
import { mentionQuery, mentionsIn } from "../app/composer/mentions";
import { parseRoute } from "../app/routes";
import { isFailedLoad } from "../app/shared/load";
import { systemText } from "../app/shared/system";
import { qualityLevel } from "../client/WebRTCClient";
import { formatDay, plural, preferred, setLanguage, t } from "../i18n";
import de from "../i18n/de.json";
import en from "../i18n/en.json";

test("a mention is looked for behind @, where a word begins", () => {
  assert.equal(mentionQuery("hello @al", 9), "al");
  assert.equal(mentionQuery("@", 1), "");
  assert.equal(mentionQuery("mail a@b", 8), null);
  assert.equal(mentionQuery("@al and more", 12), null);
});

test("mentions count in code points", () => {
  assert.deepEqual(
    mentionsIn("😀 @Zoë and @Bob", [
      { user_id: "z", name: "Zoë" },
      { user_id: "b", name: "Bob" },
      { user_id: "gone", name: "Carl" },
    ]),
    [
      { user_id: "z", start: 2, end: 6 },
      { user_id: "b", start: 11, end: 15 },
    ],
  );
  assert.deepEqual(
    mentionsIn("@Al @Al", [
      { user_id: "1", name: "Al" },
      { user_id: "2", name: "Al" },
    ]).map(({ start }) => start),
    [0, 4],
  );
});

test("links that look like others are told", () => {
  assert.equal(suspiciousLink("see https://example.org/a and http://example.com"), null);
  assert.equal(suspiciousLink("https://bank.example@evil.example/"), "evil.example");
  assert.equal(suspiciousLink("https://xn--pple-43d.com"), "xn--pple-43d.com");
  assert.equal(suspiciousLink("https://аpple.com/x"), "аpple.com");
  assert.equal(suspiciousLink("https://пример.рф"), null);
  assert.equal(suspiciousLink("https://"), null);
});

test("addresses name a part of the page", () => {
  assert.deepEqual(parseRoute("/", ""), { name: "home" });
  assert.deepEqual(parseRoute("/c/1", "?m=2"), { name: "thread", id: "1", message: "2", info: false });
  assert.deepEqual(parseRoute("/c/1/info", ""), { name: "thread", id: "1", message: null, info: true });
  assert.deepEqual(parseRoute("/settings", ""), { name: "settings" });
  assert.deepEqual(parseRoute("/nothing/here", ""), { name: "home" });
});

test("every language has every text, with the same places in it", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    assert.deepEqual(places(de[key]), places(en[key]), key);
  }
});

test("numbers choose their form, languages their words", async () => {
  assert.equal(plural("thread.members", 1), "1 member");
  assert.equal(plural("thread.members", 2), "2 members");
  assert.equal(t("thread.request", { name: "<b>" }), "<b> wants to talk to you.");
  await setLanguage("de");
  assert.equal(plural("thread.members", 2), "2 Mitglieder");
  await setLanguage("xx");
  assert.equal(t("retry"), "Try again");
  await setLanguage("en");
  assert.equal(preferred(["fr-FR", "de-AT"]), "de");
  assert.equal(preferred(["fr"]), "en");
});

test("what nobody said is put into words, with the names of those whom it is about", async () => {
  const people = { a: { name: "Alice" }, b: { name: "Bella" }, c: { name: "Carol" } };
  const text = (metadata: object) => systemText(metadata, people);
  const added = { system_type: "member_added", actor: "a", target: "b", targets: ["b", "c"] };
  assert.equal(text(added), "Alice added Bella and Carol");
  assert.equal(text({ system_type: "member_left", actor: "b", target: "b" }), "Bella left");
  assert.equal(
    text({ system_type: "member_removed", actor: null, target: "b" }),
    "Bella is not a member any more",
  );
  assert.equal(text({ system_type: "member_removed", actor: "x", target: "b" }), "Somebody removed Bella");
  assert.equal(
    text({ system_type: "role_changed", actor: "a", target: "b", role: "admin" }),
    "Alice changed the role of Bella: Admin",
  );
  assert.equal(
    text({ system_type: "name_changed", actor: "a", target: null, name: "{actor}" }),
    "Alice named the group {actor}",
  );
  assert.equal(
    text({ system_type: "disappearing_changed", actor: "a", seconds: 7200 }),
    "Alice lets messages disappear after 2 hours",
  );
  assert.equal(
    text({ system_type: "disappearing_changed", actor: "a", seconds: 0 }),
    "Alice lets messages stay",
  );
  assert.equal(text({ system_type: "of another time" }), null);
  assert.equal(text(null as never), null);
  await setLanguage("de");
  assert.equal(text(added), "Alice hat Bella und Carol hinzugefügt");
  await setLanguage("en");
});

test("every kind of system message that the API names has words, whoever did it", () => {
  const api = readFileSync(join(process.cwd(), "../../docs/api.md"), "utf8");
  const named = /`metadata` has `system_type` \(([^)]+)\)/.exec(api)![1]!;
  const kinds = [...named.matchAll(/`(\w+)`/g)].map(([, kind]) => kind!);
  assert.ok(kinds.length >= 13);
  for (const system_type of [...kinds, "disappearing_changed"]) {
    for (const actor of ["a", "b", null]) {
      const words = systemText(
        { system_type, actor, target: "b", name: "N" },
        { a: { name: "A" }, b: { name: "B" } },
      );
      assert.ok(words && !/^ | {2}|{/.test(words), `${system_type} by ${actor}: ${words}`);
    }
  }
});

test("a part that could not be loaded is told from a mistake", () => {
  assert.ok(
    isFailedLoad(new TypeError("Failed to fetch dynamically imported module: https://a.example/assets/b.js")),
  );
  assert.ok(isFailedLoad(new TypeError("error loading dynamically imported module")));
  assert.ok(isFailedLoad(new TypeError("Importing a module script failed.")));
  assert.ok(!isFailedLoad(new TypeError("undefined is not a function")));
});

test("days are named as people name them", () => {
  const now = new Date(2026, 5, 15, 12);
  assert.equal(formatDay(new Date(2026, 5, 15, 0, 1).toISOString(), now), "Today");
  assert.equal(formatDay(new Date(2026, 5, 14, 23, 59).toISOString(), now), "Yesterday");
  assert.match(formatDay(new Date(2026, 5, 10).toISOString(), now), /June/);
  assert.match(formatDay(new Date(2025, 5, 10).toISOString(), now), /2025/);
});

test("a connection's quality falls with delay and loss", () => {
  assert.equal(qualityLevel(20, 0), 4);
  assert.equal(qualityLevel(300, 0), 3);
  assert.equal(qualityLevel(20, 0.06), 2);
  assert.equal(qualityLevel(900, 0), 1);
  assert.equal(qualityLevel(null, 0.5), 0);
});

// WCAG 2.1 1.4.3, by arithmetic: axe cannot tell over positioned rows.
test("texts stand out from their grounds in every theme", () => {
  const css = readFileSync(join(process.cwd(), "app/theme.css"), "utf8");
  const blocks = [...css.matchAll(/(?::root|\[data-theme="(\w+)"\]) \{\n((?:\s*--[^}]*?;)+)[^}]*\}/g)];
  assert.ok(blocks.length >= 3);
  for (const [, name, body] of blocks) {
    const tokens = Object.fromEntries(
      [...body!.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, key, value]) => [key, value!]),
    );
    for (const [text, ground] of PAIRS) {
      const ratio = contrast(tokens[text]!, tokens[ground]!);
      assert.ok(ratio >= 4.5, `${name ?? "root"}: ${text} on ${ground} is ${ratio.toFixed(2)}`);
    }
  }
});

const PAIRS: [string, string][] = [
  ["text", "ground"],
  ["text", "ground-2"],
  ["text", "ground-3"],
  ["text-2", "ground"],
  ["text-2", "ground-2"],
  ["text-2", "ground-3"],
  ["on-accent", "accent"],
  ["on-own", "own"],
  ["danger", "ground"],
  ["danger", "ground-2"],
  ["good", "ground"],
  ["accent", "ground"],
  ["accent", "own"],
  ["text", "mark"],
];

function luminance(colour: string): number {
  const part = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}
