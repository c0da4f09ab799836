// SPDX-License-Identifier: GPL-3.0-or-later
// Messages on their way: kept until the server has them, sent again under the same client_id until it says so, in order
// within a conversation. What the server refuses for good stays, and holds back what was written after it, until the
// person retries or discards it. Of several tabs one sends, the others show what they are told.
import { backoff, type Clock, systemClock } from "./clock";
import { newId } from "./ids";
import { Problem } from "./problem";
import type { Queued, Store } from "./store";
import type { TabNews } from "./tabs";
import type { Message, Outgoing } from "./types";

export type Send = (conversation: string, message: Outgoing & { client_id: string }) => Promise<Message>;
export type OutboxState = "queued" | "sending" | "failed";
export type OutboxListener = (
  item: Queued,
  state: OutboxState | "sent" | "discarded",
  message?: Message,
) => void;

export class Outbox {
  private lanes = new Map<string, Queued[]>();
  private running = new Set<string>();
  private waiting = new Map<string, unknown>(); // conversation → timer of the next try
  private attempts = new Map<string, number>();
  private stored = new Set<string>(); // client_id of what the store has, or had
  private order = 0;
  private open = false;
  private leading = true;

  constructor(
    private readonly send: Send,
    private readonly store: Store,
    private readonly listener: OutboxListener,
    private readonly clock: Clock = systemClock,
    private readonly tell: (news: TabNews) => void = () => {},
  ) {}

  /** Takes up what an earlier page has left, or another tab. */
  async restore(): Promise<void> {
    const found = await this.store.queued().catch(() => null);
    if (!found) return;
    for (const item of found) this.join(item);
    const there = new Set(found.map(({ client_id }) => client_id));
    for (const item of [...this.lanes.values()].flat()) {
      // Sent or discarded by another tab, while this one did not hear.
      if (this.stored.has(item.client_id) && !there.has(item.client_id)) this.forget(item.client_id);
    }
  }

  /** Whether this tab is the one that sends. */
  async setLeading(leading: boolean): Promise<void> {
    this.leading = false;
    if (!leading) return;
    await this.restore();
    this.leading = true;
    this.setOpen(this.open);
  }

  /** What another tab tells. */
  hear(news: TabNews): void {
    if (news.kind === "queued") {
      this.join(news.item);
      void this.run(news.item.conversation_id);
      return;
    }
    const item = this.find(news.client_id);
    if (!item) return;
    if (news.kind === "discarded") this.forget(news.client_id);
    else if (news.kind === "sent") this.drop(item);
    else {
      item.failed = news.kind === "failed" ? news.code : null;
      this.listener(item, item.failed ? "failed" : "queued");
    }
    this.retryNow(item.conversation_id);
  }

  private join(item: Queued): void {
    this.order = Math.max(this.order, item.order + 1);
    this.stored.add(item.client_id);
    if (this.find(item.client_id)) return;
    const lane = this.lane(item.conversation_id);
    lane.push(item);
    lane.sort((a, b) => a.order - b.order);
    this.listener(item, item.failed ? "failed" : "queued");
  }

  private forget(clientId: string): void {
    const item = this.find(clientId);
    if (!item) return;
    this.drop(item);
    this.listener(item, "discarded");
  }

  /** Whether there is a way to the server; messages wait while there is none. */
  setOpen(open: boolean): void {
    this.open = open;
    if (!open) return;
    for (const conversation of this.lanes.keys()) this.retryNow(conversation);
  }

  add(conversation: string, message: Outgoing): Queued {
    const item: Queued = {
      client_id: newId(),
      conversation_id: conversation,
      message,
      created_at: this.clock.now(),
      order: Math.max(this.order, this.clock.now()), // later than what other tabs have queued
      failed: null,
    };
    this.order = item.order + 1;
    this.lane(conversation).push(item);
    void this.keep(item).then(() => {
      if (this.find(item.client_id)) this.tell({ kind: "queued", item });
    });
    this.listener(item, "queued");
    void this.run(conversation);
    return item;
  }

  retry(clientId: string): void {
    const item = this.find(clientId);
    if (!item?.failed) return;
    item.failed = null;
    void this.keep(item).then(() => this.tell({ kind: "retry", client_id: clientId }));
    this.listener(item, "queued");
    this.retryNow(item.conversation_id);
  }

  private async keep(item: Queued): Promise<void> {
    await this.store.put(item).then(
      () => this.stored.add(item.client_id),
      () => {},
    );
    if (!this.find(item.client_id)) await this.store.remove(item.client_id).catch(() => {}); // it has arrived meanwhile
  }

  discard(clientId: string): void {
    const item = this.find(clientId);
    if (!item) return;
    this.take(item);
    this.tell({ kind: "discarded", client_id: clientId });
    this.listener(item, "discarded");
    this.retryNow(item.conversation_id);
  }

  /** The socket has told of the message: it has arrived, whatever the answer to it will be. */
  arrived(clientId: string, message: Message): void {
    const item = this.find(clientId);
    if (!item) return;
    this.take(item);
    this.tell({ kind: "sent", client_id: clientId });
    this.listener(item, "sent", message);
  }

  get size(): number {
    return [...this.lanes.values()].reduce((sum, lane) => sum + lane.length, 0);
  }

  private lane(conversation: string): Queued[] {
    const lane = this.lanes.get(conversation) ?? [];
    this.lanes.set(conversation, lane);
    return lane;
  }

  private find(clientId: string): Queued | undefined {
    for (const lane of this.lanes.values()) {
      const item = lane.find((other) => other.client_id === clientId);
      if (item) return item;
    }
    return undefined;
  }

  private take(item: Queued): void {
    this.drop(item);
    void this.store.remove(item.client_id).catch(() => {});
  }

  private drop(item: Queued): void {
    const lane = this.lane(item.conversation_id);
    const index = lane.indexOf(item);
    if (index >= 0) lane.splice(index, 1);
  }

  private retryNow(conversation: string): void {
    const timer = this.waiting.get(conversation);
    if (timer !== undefined) this.clock.clearTimeout(timer);
    this.waiting.delete(conversation);
    void this.run(conversation);
  }

  private async run(conversation: string): Promise<void> {
    if (this.running.has(conversation) || this.waiting.has(conversation)) return;
    this.running.add(conversation);
    const lane = this.lane(conversation);
    while (this.open && this.leading && lane[0] && !lane[0].failed) {
      if (!(await this.try(lane[0]))) break;
    }
    this.running.delete(conversation);
  }

  /** True: the next may follow. */
  private async try(item: Queued): Promise<boolean> {
    const conversation = item.conversation_id;
    this.listener(item, "sending");
    try {
      const message = await this.send(conversation, { ...item.message, client_id: item.client_id });
      this.attempts.delete(conversation);
      this.arrived(item.client_id, message);
      return true;
    } catch (error) {
      if (!this.find(item.client_id)) return true; // it has arrived, or was discarded, meanwhile
      const problem = error instanceof Problem ? error : new Problem("unknown", 400);
      if (problem.isTemporary) this.later(item, problem);
      else this.stop(item, problem);
      return false;
    }
  }

  private later(item: Queued, problem: Problem): void {
    const conversation = item.conversation_id;
    const attempt = this.attempts.get(conversation) ?? 0;
    this.attempts.set(conversation, attempt + 1);
    this.listener(item, "queued");
    const delay = Math.max(backoff(attempt, this.clock), (problem.retryAfter ?? 0) * 1000);
    this.waiting.set(
      conversation,
      this.clock.setTimeout(() => this.retryNow(conversation), delay),
    );
  }

  private stop(item: Queued, problem: Problem): void {
    item.failed = problem.code;
    void this.keep(item).then(() =>
      this.tell({ kind: "failed", client_id: item.client_id, code: problem.code }),
    );
    this.listener(item, "failed");
  }
}
