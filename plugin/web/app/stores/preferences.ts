// SPDX-License-Identifier: GPL-3.0-or-later
// What this browser remembers of how the page looks; nothing secret.
import { createStore } from "zustand/vanilla";
import { preferred, setLanguage } from "../../i18n";

export type Theme = "system" | "light" | "dark" | "contrast";
export type Preferences = { theme: Theme; language: string | null; notify: boolean; sound: boolean };

const NAME = "trestle-preferences";
const DEFAULT: Preferences = { theme: "system", language: null, notify: false, sound: true };

function read(): Preferences {
  try {
    return { ...DEFAULT, ...JSON.parse(localStorage.getItem(NAME) ?? "{}") };
  } catch {
    return DEFAULT;
  }
}

export const preferences = createStore<Preferences>(read);

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
