// SPDX-License-Identifier: GPL-3.0-or-later
// The tabs of one user in one browser. One of them leads, the last that was looked at: it sends what is queued, and it
// makes the sounds. They tell each other what becomes of messages on their way.
import { type Locks, noLocks } from "./locks";
import type { Queued } from "./store";

export type TabNews =
  | { kind: "queued"; item: Queued }
  | { kind: "sent" | "retry" | "discarded"; client_id: string }
  | { kind: "failed"; client_id: string; code: string };

export interface Channel {
  postMessage(news: unknown): void;
  onmessage: ((event: { data: unknown }) => void) | null;
  close(): void;
}
export type ChannelMaker = (name: string) => Channel | null;

export const systemChannel: ChannelMaker = (name) =>
  typeof BroadcastChannel === "undefined" ? null : (new BroadcastChannel(name) as unknown as Channel);

/** What tabs of USER share: their lock and their channel. */
export const tabsName = (user: string) => `trestle ${user}`;

export class Tabs {
  isLeading = false;
  onLeading: ((leading: boolean) => void) | null = null;
  onNews: ((news: TabNews) => void) | null = null;
  private readonly name: string;
  private readonly channel: Channel | null;
  private release: (() => void) | null = null;
  private isOver = false;

  constructor(
    user: string,
    private readonly locks: Locks,
    makeChannel: ChannelMaker = systemChannel,
  ) {
    this.name = tabsName(user);
    this.channel = locks === noLocks ? null : makeChannel(this.name);
    if (this.channel) this.channel.onmessage = ({ data }) => this.onNews?.(data as TabNews);
  }

  /** Begins to wait for the lead, or has it at once. */
  join(): void {
    this.release = this.locks.hold(this.name, (ours) => this.changed(ours));
  }

  /** Somebody looks at this tab: it leads. */
  lead(): void {
    if (this.isLeading || this.isOver) return;
    this.release?.();
    this.release = this.locks.hold(this.name, (ours) => this.changed(ours), true);
  }

  tell(news: TabNews): void {
    if (!this.isOver) this.channel?.postMessage(news);
  }

  end(): void {
    this.isOver = true;
    this.isLeading = false;
    this.release?.();
    this.channel?.close();
  }

  private changed(ours: boolean): void {
    if (this.isOver || this.isLeading === ours) return;
    this.isLeading = ours;
    this.onLeading?.(ours);
    if (!ours) this.join(); // another tab has taken it; when that is gone it is ours again
  }
}
