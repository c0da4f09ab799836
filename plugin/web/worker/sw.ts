// SPDX-License-Identifier: GPL-3.0-or-later
// Keeps the page itself, so that it opens without a network. Nothing of the API is kept here: messages are in IndexedDB,
// which signing out wipes. Where the browser wakes workers (background sync), messages that wait go out without a page.
/// <reference lib="webworker" />
import { OUTBOX_SYNC, sendQueued } from "../client/background";
import { Problem } from "../client/problem";
import { Rest } from "../client/rest";
import { openStore } from "../client/store";
import { systemChannel, tabsName } from "../client/tabs";

declare const BUILD: string;
const worker = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `page-${BUILD}`;

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.add("/")));
  void worker.skipWaiting();
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  );
});

/** Files that people send are opened by navigating, too. */
function isPage(response: Response): boolean {
  return (response.headers.get("Content-Type") ?? "").startsWith("text/html");
}

async function fromNetworkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok && isPage(response)) await cache.put("/", response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match("/");
    if (kept) return kept;
    throw error;
  }
}

async function fromCacheFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** A page that is shown sends by itself. One that is not may be frozen; if it is not, both send the same, which is once. */
async function sendInBackground(): Promise<void> {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.some((page) => (page as WindowClient).visibilityState === "visible")) return;
  const rest = new Rest();
  try {
    const session = await rest.session();
    rest.credentials = { csrf: session.csrf_token ?? undefined };
    const store = await openStore(session.user.id);
    const channel = systemChannel(tabsName(session.user.id));
    await sendQueued(rest, store, (news) => channel?.postMessage(news)).finally(() => {
      channel?.close();
      store.close();
    });
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return; // nobody is signed in: pages will say so
    throw error; // the browser tries again
  }
}

worker.addEventListener("sync" as never, (event: ExtendableEvent & { tag: string }) => {
  if (event.tag === OUTBOX_SYNC) event.waitUntil(sendInBackground());
});

worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(fromCacheFirst(event.request));
  else if (event.request.mode === "navigate") event.respondWith(fromNetworkFirst(event.request));
});
