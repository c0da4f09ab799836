// SPDX-License-Identifier: GPL-3.0-or-later
// What this browser remembers of how the page looks; nothing secret.
import { createStore } from "zustand/vanilla";
import { direction, preferred, setLanguage } from "../../i18n";

export type Theme = "system" | "light" | "dark" | "contrast";
export type Preferences = {
  theme: Theme;
  language: string | null;
  notify: boolean;
  sound: boolean;
  /** Until when nothing makes a sound or comes up, in milliseconds since 1970; FOREVER: until that is taken back. */
  quietUntil: number;
};

const NAME = "trestle-preferences";
export const FOREVER = Number.MAX_SAFE_INTEGER;
const DEFAULT: Preferences = { theme: "system", language: null, notify: false, sound: true, quietUntil: 0 };

function read(): Preferences {
  try {
    return { ...DEFAULT, ...JSON.parse(localStorage.getItem(NAME) ?? "{}") };
  } catch {
    return DEFAULT;
  }
}

export const preferences = createStore<Preferences>(read);

/** Whether the person does not want to be disturbed. */
export const isQuietTime = (now = Date.now()) => preferences.getState().quietUntil > now;

/** What another tab has set holds here, too. */
export function followPreferences(): void {
  window.addEventListener("storage", ({ key }) => {
    if (key !== NAME) return;
    preferences.setState(read());
    void applyPreferences();
  });
}

const dark = typeof matchMedia === "undefined" ? null : matchMedia("(prefers-color-scheme: dark)");
dark?.addEventListener("change", applyTheme);

function applyTheme(): void {
  const { theme } = preferences.getState();
  document.documentElement.dataset.theme = theme === "system" ? (dark?.matches ? "dark" : "light") : theme;
}

export async function applyPreferences(): Promise<void> {
  const { language } = preferences.getState();
  applyTheme();
  const code = language ?? preferred(navigator.languages);
  await setLanguage(code);
  document.documentElement.lang = code;
  document.documentElement.dir = direction(code);
}

export async function setPreference(change: Partial<Preferences>): Promise<void> {
  preferences.setState(change);
  try {
    localStorage.setItem(NAME, JSON.stringify(preferences.getState()));
  } catch {
    // A private window: it holds until the page is closed.
  }
  await applyPreferences();
}
