// SPDX-License-Identifier: GPL-3.0-or-later
// What was told in passing and is no message: kept until it is dismissed or the page is closed.
import { createStore } from "zustand/vanilla";

/** PATH: where there is more of it. */
export type Notice = { id: number; text: string; path: string | null; at: string };
const MOST = 50;

export const notices = createStore<{ items: Notice[] }>(() => ({ items: [] }));
let nextId = 1;

export function keepNotice(text: string, path: string | null, now = new Date()): void {
  const notice = { id: nextId++, text, path, at: now.toISOString() };
  notices.setState(({ items }) => ({ items: [notice, ...items].slice(0, MOST) }));
}

export function dismissNotice(id: number): void {
  notices.setState(({ items }) => ({ items: items.filter((notice) => notice.id !== id) }));
}

export function forgetNotices(): void {
  notices.setState({ items: [] });
}
