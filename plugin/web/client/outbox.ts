// SPDX-License-Identifier: GPL-3.0-or-later
// Messages on their way: kept until the server has them, sent again under the same client_id until it says so, in order
// within a conversation. What the server refuses for good stays, and holds back what was written after it, until the
// person retries or discards it.
import { backoff, type Clock, systemClock } from "./clock";
import { newId } from "./ids";
import { Problem } from "./problem";
import type { Queued, Store } from "./store";
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
  private order = 0;
  private open = false;

  constructor(
    private readonly send: Send,
    private readonly store: Store,
    private readonly listener: OutboxListener,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Takes up what an earlier page has left. */
  async restore(): Promise<void> {
    for (const item of await this.store.queued().catch(() => [])) {
      this.order = Math.max(this.order, item.order + 1);
      this.lane(item.conversation_id).push(item);
      this.listener(item, item.failed ? "failed" : "queued");
    }
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
      order: this.order++,
      failed: null,
    };
    this.lane(conversation).push(item);
    void this.store.put(item).catch(() => {});
    this.listener(item, "queued");
    void this.run(conversation);
    return item;
  }

  retry(clientId: string): void {
    const item = this.find(clientId);
    if (!item?.failed) return;
    item.failed = null;
    void this.store.put(item).catch(() => {});
    this.listener(item, "queued");
    this.retryNow(item.conversation_id);
  }

  discard(clientId: string): void {
    const item = this.find(clientId);
    if (!item) return;
    this.take(item);
    this.listener(item, "discarded");
    this.retryNow(item.conversation_id);
  }

  /** The socket has told of the message: it has arrived, whatever the answer to it will be. */
  arrived(clientId: string, message: Message): void {
    const item = this.find(clientId);
    if (!item) return;
    this.take(item);
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
    const lane = this.lane(item.conversation_id);
    const index = lane.indexOf(item);
    if (index >= 0) lane.splice(index, 1);
    void this.store.remove(item.client_id).catch(() => {});
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
    while (this.open && lane[0] && !lane[0].failed) {
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
    void this.store.put(item).catch(() => {});
    this.listener(item, "failed");
  }
}
