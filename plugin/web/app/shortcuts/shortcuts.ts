// SPDX-License-Identifier: GPL-3.0-or-later
// Keys that work wherever one is. All have a modifier: somebody who speaks or writes sets nothing off (WCAG 2.1.4).
import { createStore } from "zustand/vanilla";
import type { Key } from "../../i18n";
import { messenger } from "../client";
import { go, routeNow, threadPath } from "../routes";

export const help = createStore<{ isShown: boolean }>(() => ({ isShown: false }));
const isMac = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

/** What is pressed; `mod` is Ctrl, or ⌘ on a Mac. */
export type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** The name of what PRESS sets off, if it does. */
export function shortcutOf(
  press: Press,
  mac = isMac,
): "search" | "help" | "next" | "previous" | "unread" | null {
  const { key, altKey, shiftKey } = press;
  const mod = mac ? press.metaKey : press.ctrlKey;
  const other = mac ? press.ctrlKey : press.metaKey;
  if (other) return null;
  if (mod && !altKey) {
    if (key.toLowerCase() === "k" && !shiftKey) return "search";
    return key === "/" ? "help" : null;
  }
  if (mod || !altKey) return null;
  if (key === "ArrowUp") return shiftKey ? null : "previous";
  if (key === "ArrowDown") return shiftKey ? "unread" : "next";
  return null;
}

/** The conversation STEP further down the list than NOW; of those that WANTED takes. It ends at the ends. */
export function neighbour(
  ids: string[],
  now: string | null,
  step: 1 | -1,
  wanted: (id: string) => boolean = () => true,
): string | null {
  let at = now === null ? -1 : ids.indexOf(now);
  if (at < 0 && step < 0) at = 1;
  for (at += step; at >= 0 && at < ids.length; at += step) if (wanted(ids[at]!)) return ids[at]!;
  return null;
}

function move(step: 1 | -1, isUnread: boolean): void {
  const { lists, unreadCounts } = messenger.state.getState();
  const route = routeNow();
  const now = route.name === "thread" ? route.id : null;
  const wanted = (id: string) => !isUnread || (unreadCounts[id] ?? 0) > 0;
  const found =
    neighbour(lists.all.ids, now, step, wanted) ??
    (isUnread ? neighbour(lists.all.ids, null, 1, wanted) : null);
  if (found) go(threadPath(found));
}

function search(): void {
  if (routeNow().name !== "home" && matchMedia("(max-width: 700px)").matches) go("/");
  requestAnimationFrame(() => document.querySelector<HTMLElement>(".searchbar input")?.focus());
}

const RUN = {
  search,
  help: () => help.setState(({ isShown }) => ({ isShown: !isShown })),
  next: () => move(1, false),
  previous: () => move(-1, false),
  unread: () => move(1, true),
};

export function startShortcuts(): void {
  document.addEventListener("keydown", (event) => {
    const name = shortcutOf(event);
    if (!name || event.isComposing || !document.querySelector(".frame")) return;
    if (document.querySelector("dialog[open]") && name !== "help") return;
    event.preventDefault();
    RUN[name]();
  });
}

/** As they are shown: keys, and what they do. */
export function shownShortcuts(mac = isMac): [string[], Key][] {
  const mod = mac ? "⌘" : "Ctrl";
  const alt = mac ? "⌥" : "Alt";
  return [
    [[mod, "K"], "keys.search"],
    [[alt, "↑"], "keys.previous"],
    [[alt, "↓"], "keys.next"],
    [[alt, "⇧", "↓"], "keys.unread"],
    [["Enter"], "keys.send"],
    [["⇧", "Enter"], "keys.line"],
    [["↑"], "keys.edit"],
    [["↑", "↓"], "keys.messages"],
    [["Esc"], "keys.close"],
    [[mod, "/"], "keys.help"],
  ];
}
