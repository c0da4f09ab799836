// SPDX-License-Identifier: GPL-3.0-or-later
// Which part of the page is shown, as the address has it: / is the list, /c/ID a conversation, /c/ID/info what is known of
// it, /settings the settings, /moderation the queue of moderators, /notifications what is new; /starred, /calls and /contacts
// are lists. ?m=ID jumps to a message.

import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";

export type Route =
  | { name: "home" }
  | { name: "thread"; id: string; message: string | null; info: boolean }
  | { name: "settings" }
  | { name: "moderation" }
  | { name: "notifications" }
  | { name: "starred" }
  | { name: "calls" }
  | { name: "contacts" };
const PLAIN = ["settings", "moderation", "notifications", "starred", "calls", "contacts"] as const;

export function parseRoute(path: string, search: string): Route {
  const parts = path.split("/").filter(Boolean);
  if (parts[0] === "c" && parts[1]) {
    return {
      name: "thread",
      id: parts[1],
      message: new URLSearchParams(search).get("m"),
      info: parts[2] === "info",
    };
  }
  const plain = PLAIN.find((name) => name === parts[0]);
  if (plain) return { name: plain };
  return { name: "home" };
}

const here = () => parseRoute(location.pathname, location.search);
const current = createStore<{ route: Route }>(() => ({ route: { name: "home" } }));

export function startRouting(): void {
  current.setState({ route: here() });
  window.addEventListener("popstate", () => current.setState({ route: here() }));
}

/** Goes to PATH. The way back from a conversation leads to the list, however it was come to. */
export function go(path: string, replace = false): void {
  if (replace) history.replaceState({ inside: history.state?.inside }, "", path);
  else history.pushState({ inside: true }, "", path);
  current.setState({ route: here() });
}

export function goBack(): void {
  if (history.state?.inside) history.back();
  else go("/", true);
}

export const threadPath = (id: string, message?: string) => `/c/${id}${message ? `?m=${message}` : ""}`;
export const useRoute = () => useStore(current, (state) => state.route);
export const routeNow = () => current.getState().route;
