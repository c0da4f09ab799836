// SPDX-License-Identifier: GPL-3.0-or-later
// The one client of the page, and what components read of it.
import { QueryClient } from "@tanstack/react-query";
import { useStore } from "zustand";
import { CallControl, type CallState } from "../client/CallState";
import { type MessagingState, offers } from "../client/MessagingState";
import { Messenger } from "../client/Messenger";
import { Problem } from "../client/problem";
import type { StoreTrouble } from "../client/store";
import { has, language, t } from "../i18n";
import { readAnew } from "./shared/anew";
import { followEvents } from "./shared/follow";
import { showToast } from "./stores/toasts";

export const messenger = new Messenger();
export const calls = new CallControl(messenger);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      gcTime: 300_000, // what nothing on the screen needs
      retry: (count, error) => count < 3 && error instanceof Problem && error.isTemporary,
      structuralSharing: false,
    },
  },
});

followEvents(messenger.socket, queries);
messenger.onReadAnew = () => void readAnew(queries, {});

const told = new Set<StoreTrouble>(); // once for a page
messenger.onTrouble = (what) => {
  if (told.has(what)) return;
  told.add(what);
  const reload = { label: t("reload"), run: () => location.reload() };
  showToast(t(`store.${what}`), ["newer", "outdated"].includes(what) ? reload : undefined, false);
};

export function useMessaging<T>(select: (state: MessagingState) => T): T {
  return useStore(messenger.state, select);
}

/** Whether the server offers NAME, to who is signed in. */
export const useOffers = (name: string) => useMessaging((state) => offers(state, name));

export function useCalls<T>(select: (state: CallState) => T): T {
  return useStore(calls.state, select);
}

/** Renders again when the language changes. */
export function useLanguage(): string {
  return useStore(language, (state) => state.code);
}

export function explain(error: unknown): string {
  if (!(error instanceof Problem))
    return t("error.other", { code: error instanceof Error ? error.message : "" });
  return explainCode(error.code);
}

/** The words for a Problem's code. */
export function explainCode(code: string): string {
  const key = `error.${code}`;
  return has(key) ? t(key) : t("error.other", { code });
}

/** Runs what a person asked for; what goes wrong is told, with a button to try again where that may help. */
export async function attempt<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    const again = { label: t("retry"), run: () => void attempt(run) };
    showToast(explain(error), error instanceof Problem && error.isTemporary ? again : undefined);
    return undefined;
  }
}
