// SPDX-License-Identifier: GPL-3.0-or-later
// What the server says of this deployment before anybody is signed in.
import { createStore } from "zustand/vanilla";

export type Config = {
  /** What the client is called. */
  name: string | null;
  /** Where one gets a link that signs in. */
  sign_in_url: string | null;
  /** Accounts of an XMPP server sign in with address and password. */
  password: boolean;
  /** Whom to tell what went wrong here. */
  errors: string | null;
  /** Origins from which pictures, sounds and files come, besides the page's own. */
  media: string[];
};

const PATIENCE = 3_000;
export const config = createStore<Config>(() => ({
  name: null,
  sign_in_url: null,
  password: false,
  errors: null,
  media: [],
}));

/** What is not as it should be is as if it were not there. */
export function readConfig(found: unknown): Partial<Config> {
  const { name, sign_in_url, password, errors, media } = (found ?? {}) as Record<string, unknown>;
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  return {
    ...(isText(name) ? { name } : {}),
    ...(isText(sign_in_url) && /^https?:\/\//i.test(sign_in_url) ? { sign_in_url } : {}),
    ...(isText(errors) && /^https?:\/\//i.test(errors) ? { errors } : {}),
    ...(password === true ? { password } : {}),
    ...(Array.isArray(media) ? { media: media.filter(isText) } : {}),
  };
}

export async function loadConfig(): Promise<void> {
  try {
    const answer = await fetch("/config.json", { signal: AbortSignal.timeout(PATIENCE) });
    if (answer.ok) config.setState(readConfig(await answer.json()));
  } catch {
    // Without it the client is as it comes.
  }
}
