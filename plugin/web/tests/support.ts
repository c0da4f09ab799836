// SPDX-License-Identifier: GPL-3.0-or-later
// A clock that tests turn, a socket that they are the other end of, and messages.
import type { Clock } from "../client/clock";
import type { Locks } from "../client/locks";
import type { Channel } from "../client/tabs";
import type { Message } from "../client/types";

export class FakeClock implements Clock {
  private at = 1_000_000;
  private timers: { at: number; run: () => void }[] = [];
  now = () => this.at;
  random = () => 0.5;
  setTimeout = (run: () => void, milliseconds: number) => {
    const timer = { at: this.at + milliseconds, run };
    this.timers.push(timer);
    return timer;
  };
  clearTimeout = (timer: unknown) => {
    this.timers = this.timers.filter((other) => other !== timer);
  };
  /** Lets MILLISECONDS pass, timer by timer. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.at + milliseconds;
    for (;;) {
      await settle();
      const next = this.timers.sort((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.timers.shift();
      this.at = Math.max(this.at, next.at);
      next.run();
    }
    this.at = end;
    await settle();
  }
  get waiting(): number {
    return this.timers.length;
  }
}

/** The locks of one browser, which tabs share. */
export class FakeLocks implements Locks {
  private readonly taken = new Map<string, ((ours: boolean) => void)[]>(); // who has it, and who waits
  async claim(name: string) {
    if (this.taken.has(name)) return null;
    const owner = () => {};
    this.taken.set(name, [owner]);
    return () => this.drop(name, owner);
  }
  hold(name: string, changed: (ours: boolean) => void, steal = false) {
    const line = this.taken.get(name) ?? [];
    const old = steal ? line.shift() : undefined;
    if (steal) line.unshift(changed);
    else line.push(changed);
    this.taken.set(name, line);
    old?.(false);
    if (line[0] === changed) changed(true);
    return () => this.drop(name, changed);
  }
  private drop(name: string, who: (ours: boolean) => void) {
    const line = this.taken.get(name) ?? [];
    const had = line[0] === who;
    const left = line.filter((other) => other !== who);
    if (left.length === 0) this.taken.delete(name);
    else this.taken.set(name, left);
    if (had) left[0]?.(true);
  }
}

/** What tabs tell each other. */
export class FakeHub {
  private channels: Channel[] = [];
  make = (): Channel => {
    const channel: Channel = {
      onmessage: null,
      postMessage: (news) => {
        for (const other of this.channels)
          if (other !== channel) other.onmessage?.({ data: structuredClone(news) });
      },
      close: () => {
        this.channels = this.channels.filter((other) => other !== channel);
      },
    };
    this.channels.push(channel);
    return channel;
  };
}

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

export class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: { type: string; id?: string; payload?: Record<string, unknown> }[] = [];
  isClosed = false;
  constructor(readonly address: string) {}
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }
  say(type: string, payload: unknown, more: object = {}) {
    this.onmessage?.({ data: JSON.stringify({ type, ts: "2026-01-01T00:00:00.000Z", payload, ...more }) });
  }
  hello(cursor = "c-1") {
    this.onopen?.();
    this.say("hello", { user: { id: "me", name: "Me" }, session: "s1", cursor, heartbeat: 30 }, { cursor });
  }
  break(code = 1006) {
    this.onclose?.({ code });
  }
  last(type: string) {
    return this.sent.filter((frame) => frame.type === type).at(-1);
  }
}

export function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: `m${seq}`,
    client_id: null,
    conversation_id: "talk",
    seq,
    sender: null,
    sender_id: "other",
    content: `text ${seq}`,
    message_type: "text",
    metadata: null,
    reply_to: null,
    quote: null,
    thread_id: null,
    forward_count: 0,
    is_forwarded: false,
    reactions: [],
    mentions: [],
    is_edited: false,
    edited_at: null,
    deleted_at: null,
    expires_at: null,
    status: "sent",
    delivered_at: null,
    read_at: null,
    created_at: new Date(1_700_000_000_000 + seq * 1000).toISOString(),
    ...more,
  } as Message;
}
