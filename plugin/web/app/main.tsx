// SPDX-License-Identifier: GPL-3.0-or-later
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { messenger, queries } from "./client";
import { startNotifying } from "./notify";
import { startRouting } from "./routes";
import { signInByPage } from "./session";
import { applyPreferences } from "./stores/preferences";

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

function watchWakeUps(): void {
  const check = () => messenger.socket.check();
  window.addEventListener("online", check);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") check();
  });
  // A timer that comes late: the machine slept.
  let last = Date.now();
  setInterval(() => {
    if (Date.now() - last > 15_000) check();
    last = Date.now();
  }, 5_000);
}

messenger.isLooking = () => document.visibilityState === "visible" && document.hasFocus();
await applyPreferences();
startRouting();
startNotifying();
watchWakeUps();
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
void signInByPage();
if ("serviceWorker" in navigator && isSecureContext) {
  void navigator.serviceWorker.register(workerAddress()).catch(() => {});
}
