// SPDX-License-Identifier: GPL-3.0-or-later
// Short notices that go by themselves, later where something can be done about them, or not until one has seen them.
import { createStore } from "zustand/vanilla";

export type Toast = { id: number; text: string; action?: { label: string; run: () => void } };
const SHOWN = 6_000;
const SHOWN_WITH_ACTION = 15_000;
const MOST = 4;

export const toasts = createStore<{ items: Toast[] }>(() => ({ items: [] }));
let nextId = 1;

export function dismissToast(id: number): void {
  toasts.setState(({ items }) => ({ items: items.filter((toast) => toast.id !== id) }));
}

export function showToast(text: string, action?: Toast["action"], isPassing = true): void {
  const id = nextId++;
  toasts.setState(({ items }) => ({
    items: [...items.filter((toast) => toast.text !== text), { id, text, action }].slice(-MOST),
  }));
  if (isPassing) setTimeout(() => dismissToast(id), action ? SHOWN_WITH_ACTION : SHOWN);
}
