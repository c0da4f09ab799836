// SPDX-License-Identifier: GPL-3.0-or-later
// Texts and dates. Texts are JSON files; what depends on a number has a key for each of the language's forms (".one",
// ".other"). Formatters are made once.
import { createStore } from "zustand/vanilla";
import en from "./en.json";

export type Key = keyof typeof en;
type Texts = Record<string, string>;
export const LANGUAGES: Record<string, { name: string; load: () => Promise<{ default: Texts }> }> = {
  en: { name: "English", load: async () => ({ default: en }) },
  de: { name: "Deutsch", load: () => import("./de.json") },
};

export const language = createStore<{ code: string; texts: Texts }>(() => ({ code: "en", texts: en }));

let formatters = makeFormatters("en");
function makeFormatters(code: string) {
  return {
    plural: new Intl.PluralRules(code),
    time: new Intl.DateTimeFormat(code, { hour: "2-digit", minute: "2-digit" }),
    day: new Intl.DateTimeFormat(code, { weekday: "long", day: "numeric", month: "long" }),
    date: new Intl.DateTimeFormat(code, { day: "numeric", month: "short", year: "numeric" }),
    full: new Intl.DateTimeFormat(code, { dateStyle: "medium", timeStyle: "short" }),
    list: new Intl.ListFormat(code),
    number: new Intl.NumberFormat(code),
  };
}

/** Of the languages that the person's browser names, the first that we have. */
export function preferred(names: readonly string[]): string {
  return names.map((name) => name.slice(0, 2).toLowerCase()).find((code) => code in LANGUAGES) ?? "en";
}

export async function setLanguage(code: string): Promise<void> {
  const found = LANGUAGES[code] ?? LANGUAGES.en!;
  const texts = (await found.load()).default;
  formatters = makeFormatters(code);
  language.setState({ code, texts });
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  const { texts } = language.getState();
  const text = texts[key] ?? en[key];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The form of KEY for the number N. */
export function plural(key: string, n: number, values: Record<string, string | number> = {}): string {
  const form = `${key}.${formatters.plural.select(n)}`;
  return t((form in en ? form : `${key}.other`) as Key, { n: formatters.number.format(n), ...values });
}

export function has(key: string): key is Key {
  return key in en;
}

export const formatTime = (when: string) => formatters.time.format(new Date(when));
export const formatFull = (when: string) => formatters.full.format(new Date(when));
export const formatList = (items: string[]) => formatters.list.format(items);

export function dayKey(when: string): string {
  return new Date(when).toDateString();
}

export function formatDay(when: string, now = new Date()): string {
  const day = new Date(when);
  const days = Math.round((startOfDay(now) - startOfDay(day)) / 86_400_000);
  if (days === 0) return t("thread.today");
  if (days === 1) return t("thread.yesterday");
  return day.getFullYear() === now.getFullYear() ? formatters.day.format(day) : formatters.date.format(day);
}

/** As the list has it: the time today, else the day. */
export function formatWhen(when: string, now = new Date()): string {
  const day = new Date(when);
  if (startOfDay(day) === startOfDay(now)) return formatters.time.format(day);
  return formatDay(when, now);
}

function startOfDay(day: Date): number {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
}
