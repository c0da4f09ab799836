// SPDX-License-Identifier: GPL-3.0-or-later
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { OUTBOX_SYNC } from "../client/background";
import { App } from "./App";
import { calls, messenger, queries } from "./client";
import { loadConfig } from "./config";
import { startNotifying } from "./notify";
import { startRouting } from "./routes";
import { session, signInByPage, watchLinks } from "./session";
import { startShortcuts } from "./shortcuts/shortcuts";
import { applyPreferences, followPreferences } from "./stores/preferences";
import { startTelling } from "./trouble";

// Trusted Types: the one address that a script may be loaded from is this worker's.
const trusted = (
  window as {
    trustedTypes?: {
      createPolicy: (name: string, rules: object) => { createScriptURL(url: string): string };
    };
  }
).trustedTypes;
function workerAddress(): string {
  const policy = trusted?.createPolicy("trestle", {
    createScriptURL: (url: string) => (url === "/sw.js" ? url : ""),
  });
  return policy ? policy.createScriptURL("/sw.js") : "/sw.js";
}

/** Where the browser can, the worker sends what waits even if the page is closed before there is a network. */
function sendWithoutPage(): void {
  messenger.onWaiting = () => {
    type Syncing = ServiceWorkerRegistration & { sync?: { register(tag: string): Promise<void> } };
    void navigator.serviceWorker?.ready
      .then((registration: Syncing) => registration.sync?.register(OUTBOX_SYNC))
      .catch(() => {}); // forbidden: the page sends when it is opened again
  };
  const leave = () => {
    if (document.visibilityState !== "visible" && messenger.outbox.size > 0) messenger.onWaiting?.();
  };
  document.addEventListener("visibilitychange", leave);
  window.addEventListener("pagehide", () => messenger.outbox.size > 0 && messenger.onWaiting?.());
}

/** A page that nobody sees spares the battery, unless somebody calls by it. */
function watchBackground(): void {
  const look = () =>
    messenger.socket.setBackground(
      document.visibilityState !== "visible" && calls.state.getState().callStatus === "idle",
    );
  document.addEventListener("visibilitychange", look);
  calls.state.subscribe(look);
  look();
}

function watchWakeUps(): void {
  const check = () => messenger.socket.check();
  window.addEventListener("online", check);
  window.addEventListener("offline", () => messenger.socket.interrupt());
  const look = () => {
    if (document.visibilityState === "visible" && document.hasFocus()) messenger.lead();
  };
  window.addEventListener("focus", look);
  window.addEventListener("pagehide", () => messenger.leave());
  document.addEventListener("visibilitychange", () => {
    // Where apps are closed by a swipe, this is the last that a page hears.
    if (document.visibilityState !== "visible") return messenger.leave();
    check();
    look();
  });
  session.subscribe(({ phase }) => {
    if (phase === "signed-in") look();
  });
  // A timer that comes late: the machine slept. Those of pages that nobody sees come late whenever the browser likes.
  let last = Date.now();
  setInterval(() => {
    if (Date.now() - last > 15_000 && document.visibilityState === "visible") check();
    last = Date.now();
  }, 5_000);
}

messenger.isLooking = () => document.visibilityState === "visible" && document.hasFocus();
await applyPreferences();
followPreferences();
startRouting();
startNotifying();
watchWakeUps();
watchBackground();
sendWithoutPage();
watchLinks();
startShortcuts();
startTelling();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
void loadConfig();
void signInByPage();
if ("serviceWorker" in navigator && isSecureContext) {
  void navigator.serviceWorker.register(workerAddress()).catch(() => {});
}
