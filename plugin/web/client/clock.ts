// SPDX-License-Identifier: GPL-3.0-or-later
// Time, as the library uses it: tests put a clock of their own in its place.

export interface Clock {
  now(): number; // milliseconds
  setTimeout(run: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
  random(): number; // 0 to 1
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
};

const LONGEST = 30_000;

/** How long to wait before try N (from 0): 1, 2, 4, 8 … 30 seconds, and up to a fifth more or less, so that clients
 * which lost the server at once do not come back at once. */
export function backoff(attempt: number, clock: Clock): number {
  const delay = Math.min(LONGEST, 1000 * 2 ** Math.min(attempt, 10));
  return delay * (0.8 + 0.4 * clock.random());
}
