// SPDX-License-Identifier: GPL-3.0-or-later
// Browsers that write down themselves what they hear.
type Heard = { results: ArrayLike<ArrayLike<{ transcript: string }>> };
export type Recognition = {
  lang: string;
  continuous: boolean;
  interimResults: boolean;
  onresult: ((event: Heard) => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  onend: (() => void) | null;
  start(): void;
  stop(): void;
  abort(): void;
};

export function recognition(): (new () => Recognition) | null {
  const all = globalThis as unknown as Record<string, new () => Recognition>;
  return all.SpeechRecognition ?? all.webkitSpeechRecognition ?? null;
}

export const browserListens = () => recognition() !== null;
