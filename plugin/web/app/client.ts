// SPDX-License-Identifier: GPL-3.0-or-later
// The one client of the page, and what components read of it.
import { QueryClient } from "@tanstack/react-query";
import { useStore } from "zustand";
import { CallControl, type CallState } from "../client/CallState";
import type { MessagingState } from "../client/MessagingState";
import { Messenger } from "../client/Messenger";
import { Problem } from "../client/problem";
import { has, language, t } from "../i18n";
import { showToast } from "./stores/toasts";

export const messenger = new Messenger();
export const calls = new CallControl(messenger);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      retry: (count, error) => count < 3 && error instanceof Problem && error.isTemporary,
      structuralSharing: false,
    },
  },
});

export function useMessaging<T>(select: (state: MessagingState) => T): T {
  return useStore(messenger.state, select);
}

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
