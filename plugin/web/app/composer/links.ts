// SPDX-License-Identifier: GPL-3.0-or-later
// Addresses that look like others: a warning before they are sent.

const LINK = /https?:\/\/[^\s<>"']+/gi;

/** The host of the first link in TEXT that mixes scripts, hides behind "@", or is spelled in punycode; null: none. */
export function suspiciousLink(text: string): string | null {
  for (const address of text.match(LINK) ?? []) {
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      continue;
    }
    const written = address.replace(/^https?:\/\//i, "").split(/[/?#]/)[0]!;
    if (url.username || url.password) return url.host;
    if (url.hostname.split(".").some((label) => label.startsWith("xn--")) && mixesScripts(written))
      return written;
    if (written.toLowerCase().includes("xn--")) return url.host;
  }
  return null;
}

function mixesScripts(host: string): boolean {
  const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u];
  return host.split(".").some((label) => scripts.filter((script) => script.test(label)).length > 1);
}
