// SPDX-License-Identifier: GPL-3.0-or-later
// Texts and dates. Texts are JSON files; what depends on a number has a key for each of the language's forms (".one",
// ".other", as Intl.PluralRules names them). Formatters are made once.
import { createStore } from "zustand/vanilla";
import en from "./en.json";

export type Key = keyof typeof en;
type Texts = Record<string, string>;
type Language = { name: string; dir?: "rtl"; load: () => Promise<{ default: Texts }> };
export const LANGUAGES: Record<string, Language> = {
  en: { name: "English", load: async () => ({ default: en }) },
  ar: { name: "العربية", dir: "rtl", load: () => import("./ar.json") },
  de: { name: "Deutsch", load: () => import("./de.json") },
};
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const CONTROLS = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/gu; // of direction

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
    twoDigits: new Intl.NumberFormat(code, { minimumIntegerDigits: 2 }),
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

/** Where lines of the language CODE begin. */
export function direction(code: string): "ltr" | "rtl" {
  return LANGUAGES[code]?.dir ?? "ltr";
}

/** VALUE in a sentence: what is written the other way, or says how it is written, leaves what stands around it alone. */
function isolated(value: string): string {
  const isAlike = direction(language.getState().code) === "ltr" && !RTL.test(value);
  if (isAlike && value.search(CONTROLS) < 0) return value;
  return `\u2068${value.replace(CONTROLS, "")}\u2069`;
}

/** What stands in a text: a number and the names of several as the language has them. */
type Values = Record<string, string | number | string[]>;

function shown(value: Values[string]): string {
  if (typeof value === "number") return formatters.number.format(value);
  return Array.isArray(value) ? formatters.list.format(value.map(isolated)) : isolated(value);
}

export function t(key: Key, values: Values = {}): string {
  const { texts } = language.getState();
  const text = texts[key] ?? en[key];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => shown(values[name] ?? ""));
}

/** The form of KEY for the number N. */
export function plural(key: string, n: number, values: Values = {}): string {
  const form = `${key}.${formatters.plural.select(n)}`;
  const isThere = form in language.getState().texts || form in en;
  return t((isThere ? form : `${key}.other`) as Key, { n, ...values });
}

export function has(key: string): key is Key {
  return key in en;
}

export const formatNumber = (n: number) => formatters.number.format(n);
/** Of at least two digits. */
export const formatPadded = (n: number) => formatters.twoDigits.format(n);
export const formatTime = (when: string) => formatters.time.format(new Date(when));
export const formatFull = (when: string) => formatters.full.format(new Date(when));

/** What the language of the page calls the language CODE. */
export function languageName(code: string): string {
  try {
    return new Intl.DisplayNames(language.getState().code, { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

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
