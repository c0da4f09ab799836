// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses in texts. What is not of the web, of mail, of a place or of XMPP is no link here.
import { LinkifyIt } from "linkify-it";
import { config } from "../config";

const linkify = new LinkifyIt();
linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
const SAFE = new Set(["http:", "https:", "mailto:", "xmpp:", "geo:", "tel:"]);
const WEB = new Set(["http:", "https:"]);
export type Link = { index: number; lastIndex: number; url: string; text: string; schema: string };

function isOf(url: string, schemes: Set<string>): boolean {
  try {
    return schemes.has(new URL(url).protocol);
  } catch {
    return false;
  }
}

export function findLinks(text: string): Link[] {
  return ((linkify.match(text) ?? []) as Link[]).filter(({ url }) => isOf(url, SAFE));
}

const WRITTEN = /https?:\/\/[^\s<>"']+/gi;
const BEHIND = /[.,;:!?\])}»”]+$/; // belongs to the sentence, unless a bracket was opened before

/** Of the web alone, each once, as they are written, also those with a name before "@", which are shown as no link. */
export function webLinks(text: string): string[] {
  const urls = (text.match(WRITTEN) ?? []).map((url) =>
    url.includes("(") ? url.replace(/[.,;:!?]+$/, "") : url.replace(BEHIND, ""),
  );
  return [...new Set(urls.filter(isWeb))];
}

export const isWeb = (url: string) => isOf(url, WEB);

/** Pictures and files of other hosts would be told who looks: they are not loaded. */
export function isOurs(url: string | null | undefined): url is string {
  if (!url) return false;
  try {
    const { origin } = new URL(url, location.origin);
    return origin === location.origin || config.getState().media.includes(origin);
  } catch {
    return false;
  }
}

export function hostOf(url: string): string {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** Whether an address mixes scripts, hides behind "@", or is spelled in punycode. */
export function looksLikeAnother(address: string): boolean {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return false;
  }
  const written = address.replace(/^https?:\/\//i, "").split(/[/?#]/)[0]!;
  if (url.username || url.password || written.toLowerCase().includes("xn--")) return true;
  return url.hostname.split(".").some((label) => label.startsWith("xn--")) && mixesScripts(written);
}

function mixesScripts(host: string): boolean {
  const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u];
  return host.split(".").some((label) => scripts.filter((script) => script.test(label)).length > 1);
}
