// SPDX-License-Identifier: GPL-3.0-or-later
// New messages are read out once, gathered over a second. The lists themselves are no live regions: scrolling in them would
// be read out, too.
import { createStore } from "zustand/vanilla";

const GATHERED = 1_000;
export const announcer = createStore<{ text: string }>(() => ({ text: "" }));
let waiting: string[] = [];

export function announce(text: string): void {
  waiting.push(text);
  if (waiting.length > 1) return;
  setTimeout(() => {
    const text = waiting.slice(-3).join(". ");
    // The same once more is only read out when something about it is new.
    announcer.setState(({ text: before }) => ({ text: text === before ? `${text}\u00a0` : text }));
    waiting = [];
  }, GATHERED);
}
