// SPDX-License-Identifier: GPL-3.0-or-later
// What went wrong in this page is told to whom the deployment names, and to nobody else: not what people said, nor who they
// are. The same thing once, and few until the page is loaded again.
import type { MessagingState } from "../client/MessagingState";
import { calls, messenger } from "./client";
import { config } from "./config";
import { routeNow } from "./routes";

export type Trouble = { kind: "connection" | "script" | "call"; message: string; stack?: string };
const MOST = 20;
const STACK_MAX = 2_000; // characters
const ATTEMPTS = 3; // fewer are every train's tunnel

const told = new Set<string>();
const waiting: Trouble[] = []; // until it is known whom to tell

/** Ids, addresses and what stands behind "#" and "?" go. */
export function withoutPeople(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "…")
    .replace(/[^\s"'<>(]+@[^\s"'<>)]+/g, "…")
    .replace(/[?#][^\s:)]*/g, "");
}

function send(trouble: Trouble, to: string): void {
  const body = {
    kind: trouble.kind,
    message: withoutPeople(trouble.message),
    stack: trouble.stack ? withoutPeople(trouble.stack).slice(0, STACK_MAX) : null,
    page: routeNow().name,
    agent: navigator.userAgent,
    at: new Date().toISOString(),
  };
  void fetch(to, {
    method: "POST",
    mode: "no-cors",
    credentials: "omit",
    keepalive: true,
    headers: { "Content-Type": "text/plain" },
    body: JSON.stringify(body),
  }).catch(() => {});
}

export function tellTrouble(trouble: Trouble): void {
  const key = `${trouble.kind} ${trouble.message}`;
  if (told.has(key) || told.size >= MOST) return;
  told.add(key);
  const { errors } = config.getState();
  if (errors) send(trouble, errors);
  else waiting.push(trouble);
}

/** Follows the connection: ends in what is to be said of an outage, once it is over. */
export function outageTeller(now: () => number = Date.now) {
  let since: number | null = null;
  let attempts = 0;
  return (state: Pick<MessagingState, "connection" | "attempts">): string | null => {
    if (state.connection !== "connected") {
      since ??= now();
      attempts = Math.max(attempts, state.attempts);
      return null;
    }
    const text =
      since !== null && attempts >= ATTEMPTS
        ? `away for ${Math.round((now() - since) / 1000)} s, ${attempts} attempts`
        : null;
    since = null;
    attempts = 0;
    return text;
  };
}

export function startTelling(): void {
  window.addEventListener("error", ({ message, error }) =>
    tellTrouble({ kind: "script", message, stack: (error as Error | null)?.stack }),
  );
  window.addEventListener("unhandledrejection", ({ reason }) =>
    tellTrouble({ kind: "script", message: String(reason), stack: (reason as Error | null)?.stack }),
  );
  const outage = outageTeller();
  messenger.state.subscribe((state) => {
    const message = outage(state);
    if (message) tellTrouble({ kind: "connection", message });
  });
  calls.state.subscribe(({ problem }, before) => {
    if (problem && problem !== before.problem) tellTrouble({ kind: "call", message: problem });
  });
  config.subscribe(({ errors }) => {
    if (errors) for (const trouble of waiting.splice(0)) send(trouble, errors);
  });
}
