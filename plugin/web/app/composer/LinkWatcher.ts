// SPDX-License-Identifier: GPL-3.0-or-later
// The links in what is being written: what the server thinks of them, and what the page of the first one says.
import { type Clock, systemClock } from "../../client/clock";
import { Problem } from "../../client/problem";
import type { CheckedLink, LinkPreview } from "../../client/types";
import { looksLikeAnother, webLinks } from "../shared/links";

const LOOK_AFTER = 600;
const SETTLE_WITHIN = 2_000;
const LINKS_MAX = 20;
const HARMLESS = "not_encrypted"; // worth no question by itself

type Api = {
  checkLinks(urls: string[]): Promise<{ items: CheckedLink[] }>;
  previewLink(url: string): Promise<LinkPreview>;
};
export type Suspicion = { url: string; reasons: string[] };

export class LinkWatcher {
  preview: LinkPreview | null = null;
  onChange: (() => void) | null = null;
  private urls: string[] = [];
  private timer: unknown = null;
  private checking: Promise<void> | null = null;
  private hasPreviews = true;
  private readonly verdicts = new Map<string, CheckedLink>();
  private readonly pages = new Map<string, LinkPreview | null>();
  private readonly dismissed = new Set<string>();

  constructor(
    private readonly api: Api,
    private readonly clock: Clock = systemClock,
  ) {}

  /** What is written now. */
  look(text: string): void {
    const urls = webLinks(text).slice(0, LINKS_MAX);
    if (urls.join(" ") === this.urls.join(" ")) return;
    this.urls = urls;
    this.show();
    this.stop();
    if (urls.length > 0) this.timer = this.clock.setTimeout(() => this.ask(), LOOK_AFTER);
  }

  /** The first link of which one should think again; null: there is none, or nobody can tell. */
  async settle(text: string): Promise<Suspicion | null> {
    this.look(text);
    this.stop();
    let timer: unknown;
    const patience = new Promise<void>((resolve) => {
      timer = this.clock.setTimeout(resolve, SETTLE_WITHIN);
    });
    // What is under way may have been asked of what was written before.
    await Promise.race([this.check().then(() => this.check()), patience]);
    this.clock.clearTimeout(timer);
    return this.suspicion;
  }

  get suspicion(): Suspicion | null {
    for (const url of this.urls) {
      const verdict = this.verdicts.get(url);
      const reasons = (verdict?.reasons ?? []).filter((reason) => reason !== HARMLESS) as string[];
      if (looksLikeAnother(url) && !reasons.includes("user_in_address")) reasons.push("lookalike_letters");
      if (reasons.length > 0) return { url, reasons: [...new Set(reasons)] };
    }
    return null;
  }

  /** The page of the link is not shown with the message. */
  dismiss(): void {
    if (this.preview) this.dismissed.add(this.preview.url);
    this.show();
  }

  /** The message is sent: what was dismissed counts for it alone. */
  clear(): void {
    this.stop();
    this.urls = [];
    this.dismissed.clear();
    this.show();
  }

  stop(): void {
    if (this.timer !== null) this.clock.clearTimeout(this.timer);
    this.timer = null;
  }

  private ask(): void {
    this.timer = null;
    void this.check();
    void this.readPage();
  }

  private check(): Promise<void> {
    const unknown = this.urls.filter((url) => !this.verdicts.has(url));
    if (unknown.length === 0) return Promise.resolve();
    this.checking ??= this.api
      .checkLinks(unknown)
      .then(
        ({ items }) => {
          for (const item of items) this.verdicts.set(item.url, item);
        },
        () => {}, // without a server the message waits, too; the page's own look has to do
      )
      .finally(() => {
        this.checking = null;
        this.onChange?.();
      });
    return this.checking;
  }

  private async readPage(): Promise<void> {
    const [url] = this.urls;
    if (!url || !this.hasPreviews || this.pages.has(url) || this.dismissed.has(url)) return;
    this.pages.set(url, null); // asked once
    try {
      this.pages.set(url, { ...(await this.api.previewLink(url)), url });
    } catch (error) {
      if (error instanceof Problem && error.code === "not_available") this.hasPreviews = false;
      else if (error instanceof Problem && error.isTemporary) this.pages.delete(url);
    }
    this.show();
  }

  private show(): void {
    const [url] = this.urls;
    const preview = url && !this.dismissed.has(url) ? (this.pages.get(url) ?? null) : null;
    if (preview === this.preview) return;
    this.preview = preview;
    this.onChange?.();
  }
}
