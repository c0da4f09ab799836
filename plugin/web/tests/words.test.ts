// SPDX-License-Identifier: GPL-3.0-or-later
// Mentions, links, routes and texts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { mentionQuery, mentionsIn } from "../app/composer/mentions";
import { readConfig } from "../app/config";
import { parseRoute } from "../app/routes";
import { looksLikeAnother, webLinks } from "../app/shared/links";
import { isFailedLoad } from "../app/shared/load";
import { mediaText, placeOf, remedy, systemOf } from "../app/shared/media";
import { callText, systemText } from "../app/shared/system";
import { clockText } from "../app/shared/times";
import { qualityLevel } from "../client/WebRTCClient";
import { direction, formatDay, plural, preferred, setLanguage, t } from "../i18n";
import ar from "../i18n/ar.json";
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
  for (const good of ["https://example.org/a", "http://example.com", "https://пример.рф", "https://"])
    assert.equal(looksLikeAnother(good), false, good);
  for (const bad of ["https://bank.example@evil.example/", "https://xn--pple-43d.com", "https://аpple.com/x"])
    assert.equal(looksLikeAnother(bad), true, bad);
});

test("what is looked up on the web is of the web, and each once", () => {
  const text =
    "mailto:a@b.example https://a.example/x, (http://b.example) https://a.example/x xmpp:c@d.example";
  assert.deepEqual(webLinks(text), ["https://a.example/x", "http://b.example"]);
  assert.deepEqual(webLinks("https://bank.example@evil.example/, https://x.example/a_(b)."), [
    "https://bank.example@evil.example/",
    "https://x.example/a_(b)",
  ]);
  assert.deepEqual(webLinks("javascript:alert(1) data:text/html,x www.example.org"), []);
});

test("of a deployment counts what is as it should be", () => {
  const whole = {
    name: "Ours",
    sign_in_url: "https://a.example/",
    password: true,
    errors: "https://e.example/web",
    media: ["https://f.example"],
  };
  assert.deepEqual(readConfig(whole), whole);
  const odd = {
    name: 5,
    sign_in_url: "javascript:alert(1)",
    password: "yes",
    errors: "data:,",
    media: [1, "https://f.example"],
  };
  assert.deepEqual(readConfig(odd), { media: ["https://f.example"] });
  for (const nothing of [null, "x", 7, []]) assert.deepEqual(readConfig(nothing), {});
});

test("addresses name a part of the page", () => {
  assert.deepEqual(parseRoute("/", ""), { name: "home" });
  assert.deepEqual(parseRoute("/c/1", "?m=2"), { name: "thread", id: "1", message: "2", info: false });
  assert.deepEqual(parseRoute("/c/1/info", ""), { name: "thread", id: "1", message: null, info: true });
  assert.deepEqual(parseRoute("/settings", ""), { name: "settings" });
  assert.deepEqual(parseRoute("/nothing/here", ""), { name: "home" });
});

test("every language has every text, with the same places in it", () => {
  const places = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
  const texts: Record<string, string> = en;
  for (const [code, own] of Object.entries({ ar, de }) as [string, Record<string, string>][]) {
    const forms = new Intl.PluralRules(code).resolvedOptions().pluralCategories;
    const isPlural = (key: string) => key.endsWith(".one") && key.replace(/one$/, "other") in texts;
    const wanted = Object.keys(texts).flatMap((key) =>
      isPlural(key) ? forms.map((form) => key.replace(/one$/, form)) : [key],
    );
    assert.deepEqual(Object.keys(own).sort(), [...new Set(wanted)].sort(), code);
    for (const [key, text] of Object.entries(own)) {
      const [, base, form] = /^(.*)\.(\w+)$/.exec(key) ?? [];
      const like = texts[key] ?? texts[`${base}.other`]!;
      // "One day" needs no digit.
      const mayBeWords = ["zero", "one", "two"].includes(form ?? "") && `${base}.other` in texts;
      const without = (all: string[]) => (mayBeWords ? all.filter((place) => place !== "{n}") : all);
      assert.deepEqual(without(places(text)), without(places(like)), `${code}: ${key}`);
    }
  }
});

test("a language that has more forms of number than two uses them, with its own digits", async () => {
  await setLanguage("ar");
  const n = (value: number) => new Intl.NumberFormat("ar").format(value);
  assert.equal(plural("thread.members", 1), "عضو واحد");
  assert.equal(plural("thread.members", 2), "عضوان");
  assert.equal(plural("thread.members", 5), `${n(5)} أعضاء`);
  assert.equal(plural("thread.members", 11), `${n(11)} عضوًا`);
  assert.equal(plural("thread.members", 100), `${n(100)} عضو`);
  assert.equal(t("moderation.hours", { n: 24 }), `${n(24)} ساعة`);
  assert.equal(
    clockText(67),
    `${n(1)}:${new Intl.NumberFormat("ar", { minimumIntegerDigits: 2 }).format(7)}`,
  );
  assert.equal(direction("ar"), "rtl");
  await setLanguage("en");
  assert.equal(clockText(3767), "1:02:47");
  assert.equal(direction("en"), "ltr");
  assert.equal(preferred(["ar-EG"]), "ar");
});

test("what is written the other way leaves a sentence alone", async () => {
  assert.equal(t("calls.offline", { name: "Bella" }), "Bella is offline");
  assert.equal(t("calls.offline", { name: "بيلا" }), "\u2068بيلا\u2069 is offline");
  assert.equal(t("calls.offline", { name: "\u202egnp.exe" }), "\u2068gnp.exe\u2069 is offline");
  assert.equal(t("calls.offline", { name: "a\u2069\u202eb" }), "\u2068ab\u2069 is offline");
  await setLanguage("ar");
  assert.equal(t("calls.offline", { name: "Bella" }), "\u2068Bella\u2069 غير متصل");
  assert.match(
    plural("thread.typing", 2, { names: ["Bella", "بيلا"] }),
    /^\u2068Bella\u2069.+\u2068بيلا\u2069 يكتبان…$/,
  );
  await setLanguage("en");
  assert.equal(plural("thread.typing", 2, { names: ["Bella", "Carl"] }), "Bella and Carl are typing…");
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

test("how a call went is said in the language of the page", async () => {
  const call = (call_type: string, status: string, duration_seconds: number | null = null) =>
    callText({ system_type: "call", call_type, status, duration_seconds });
  assert.equal(call("video", "missed"), "Missed video call");
  assert.equal(call("audio", "declined"), "Declined voice call");
  assert.equal(call("audio", "failed"), "Failed voice call");
  assert.equal(call("video", "ended", 323), "Video call - 5:23");
  assert.equal(call("video", "ended", 0), "Video call - 0:00");
  assert.equal(call("audio", "ended"), "Voice call, answered elsewhere");
  for (const status of ["ringing", "active", "of another time"])
    assert.equal(call("audio", status), "Voice call");
  assert.equal(call("hologram", "missed"), null);
  assert.equal(callText(null), null);
  for (const code of ["ar", "de"]) {
    await setLanguage(code);
    for (const type of ["audio", "video"])
      for (const status of ["missed", "declined", "failed", "ended", "active"])
        assert.doesNotMatch(
          call(type, status)!,
          /voice|video call|missed|failed|declined/i,
          `${code} ${status}`,
        );
  }
  assert.equal(call("video", "missed"), "Verpasster Videoanruf");
  await setLanguage("en");
});

test("how microphone and camera are allowed is said for the browser and the system at hand", async () => {
  const agents = {
    chromium: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36",
    firefox: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    safari:
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15",
    ios: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    android: "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile Safari/537.36",
  };
  for (const [place, agent] of Object.entries(agents)) assert.equal(placeOf(agent), place);
  assert.equal(placeOf(agents.safari, 5), "ios", "an iPad");
  assert.deepEqual([agents.chromium, agents.safari, agents.firefox].map(systemOf), [
    "windows",
    "mac",
    "other",
  ]);
  const here = (userAgent: string) => ({ userAgent, maxTouchPoints: 0 });
  const said = Object.values(agents).map((agent) => remedy("denied", here(agent)));
  assert.equal(new Set(said).size, said.length, "each has its own");
  assert.match(remedy("system", here(agents.chromium)), /Windows/);
  assert.equal(remedy("not_found", here(agents.chromium)), "");
  assert.match(mediaText("denied", here(agents.firefox)), /Please allow it for this page\. .+/);
  assert.equal(mediaText("not_found", here(agents.firefox)), "No microphone was found.");
  assert.match(mediaText("of another time", here(agents.firefox)), /of another time/);
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
    for (const ground of ["ground", "ground-2"]) {
      const ratio = contrast(tokens.edge!, tokens[ground]!);
      assert.ok(ratio >= 3, `${name ?? "root"}: the edge of a field on ${ground} is ${ratio.toFixed(2)}`);
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
