// SPDX-License-Identifier: GPL-3.0-or-later
// The connection to the server: one socket, which comes back by itself and takes up where it was cut. Where sockets do
// not get through, the same events come by long polling.
import { backoff, type Clock, systemClock } from "./clock";
import { Problem } from "./problem";
import type { Rest } from "./rest";
import type { Frame, Message, Outgoing, User } from "./types";

export type ConnectionState = "offline" | "connecting" | "connected" | "polling";
export type Listener = (frame: Frame) => void;
type Waiting = { resolve: (payload: never) => void; reject: (problem: Problem) => void; timer: unknown };
export type SocketMaker = (address: string, protocol: string) => WebSocket;

const ANSWER_WITHIN = 15_000; // of a command
const SILENCE_AFTER_PING = 5_000;
const GOOD_CONNECTION = 60_000; // after which the next trouble begins with short waits again
const BACKGROUND_BEAT = 300; // seconds: the server pings meanwhile, and who comes back asks at once
const BACKGROUND_AFTER = 3; // tries in a row, from which on those of a page that nobody sees are rarer
const BACKGROUND_RARER = 4; // times
const POLL_AFTER = 3; // sockets that failed in a row
const POLL_WAIT = 25; // seconds
const PROTOCOL = "trestle.v1";

export class WebSocketClient {
  state: ConnectionState = "offline";
  /** How many tries to connect have failed in a row. */
  attempts = 0;
  /** What to resume from when the socket comes back. */
  cursor: string | null = null;
  /** Of the socket, as calls name it; null while there is none. */
  session: string | null = null;
  user: User | null = null;
  onState: ((state: ConnectionState, attempts: number) => void) | null = null;
  /** The log is gone behind the cursor: what is shown has to be read anew. */
  onResync: (() => void) | null = null;
  /** The socket was closed because nobody is signed in any more. */
  onSignedOut: (() => void) | null = null;

  private socket: WebSocket | null = null;
  private token: string | null = null;
  private wanted = false;
  private listeners = new Set<Listener>();
  private typed = new Map<string, Set<Listener>>();
  private waiting = new Map<string, Waiting>();
  private nextId = 1;
  private timer: unknown = null;
  private silence: unknown = null;
  private goodTimer: unknown = null;
  private heartbeat: unknown = null;
  private heartbeatSeconds = 30;
  private isBackground = false;
  private held: Frame[] | null = null; // live frames that come before what was missed
  private poll: AbortController | null = null;

  constructor(
    private readonly address: string,
    private readonly rest: Rest | null = null,
    private readonly clock: Clock = systemClock,
    private readonly makeSocket: SocketMaker = (address, protocol) => new WebSocket(address, protocol),
  ) {}

  /** Connects and stays connected. Without a TOKEN the session cookie of the page signs the socket in. */
  connect(token?: string): void {
    this.token = token ?? null;
    this.wanted = true;
    if (!this.socket && this.timer === null) this.open();
  }

  disconnect(): void {
    this.wanted = false;
    this.clear("timer");
    this.stopPolling();
    this.drop(1000);
    this.setState("offline");
  }

  /** Called for every event; returns what ends that. */
  onMessage(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Called for events of one type. */
  on(type: string, listener: Listener): () => void {
    const set = this.typed.get(type) ?? new Set();
    this.typed.set(type, set.add(listener));
    return () => set.delete(listener);
  }

  get isConnected(): boolean {
    return this.state === "connected";
  }

  /** Sends a command and waits for its answer. Throws a Problem: the server's, or "unreachable". */
  command<R>(type: string, payload: unknown = {}): Promise<R> {
    if (!this.isConnected || !this.socket) return Promise.reject(new Problem("unreachable", 0));
    const id = String(this.nextId++);
    const socket = this.socket;
    return new Promise<R>((resolve, reject) => {
      const timer = this.clock.setTimeout(() => {
        this.waiting.delete(id);
        reject(new Problem("unreachable", 0, "no answer"));
      }, ANSWER_WITHIN);
      this.waiting.set(id, { resolve: resolve as (payload: never) => void, reject, timer });
      socket.send(JSON.stringify({ type, id, payload }));
    });
  }

  /** Sends without asking for an answer; nothing happens while there is no connection. */
  tell(type: string, payload: unknown): void {
    if (this.isConnected) this.socket?.send(JSON.stringify({ type, payload }));
  }

  async sendMessage(conversation: string, message: Outgoing & { client_id: string }): Promise<Message> {
    const answer = await this.command<{ message: Message }>("message", {
      conversation_id: conversation,
      ...message,
    });
    return answer.message;
  }

  /** The network came back, or the machine woke up: finds out at once whether the socket is alive. */
  check(): void {
    if (!this.wanted) return;
    if (!this.socket || this.state === "polling") {
      this.clear("timer");
      this.drop();
      this.open();
    } else if (this.isConnected && this.silence === null) {
      this.socket.send(JSON.stringify({ type: "ping" }));
      this.silence = this.clock.setTimeout(() => this.lost(), SILENCE_AFTER_PING);
    }
  }

  /** Whether nobody sees the page: then it wakes the machine, and its radio, as rarely as it can. Messages come as ever;
   * whoever looks again calls check(). */
  setBackground(background: boolean): void {
    if (this.isBackground === background) return;
    this.isBackground = background;
    if (this.heartbeat === null) return;
    this.clear("heartbeat");
    this.beat();
  }

  /** The network went away: nobody has to wait for the silence. */
  interrupt(): void {
    if (this.wanted && (this.isConnected || this.state === "polling")) this.lost();
  }

  // ---- The socket

  private open(): void {
    this.timer = null;
    if (this.state !== "polling") this.setState("connecting");
    let socket: WebSocket;
    const resumes = this.cursor; // what was missed comes behind hello, before anything live
    const address =
      resumes && !this.token ? `${this.address}?cursor=${encodeURIComponent(resumes)}` : this.address;
    try {
      socket = this.makeSocket(address, PROTOCOL);
    } catch {
      this.lost();
      return;
    }
    this.socket = socket;
    socket.onopen = () => {
      if (!this.token) return;
      const payload = { token: this.token, cursor: resumes ?? undefined };
      socket.send(JSON.stringify({ type: "auth", payload }));
    };
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(String(event.data), resumes !== null);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
  }

  private closed(code: number): void {
    if (code === 4401) {
      this.disconnect();
      this.onSignedOut?.();
    } else this.lost();
  }

  private lost(): void {
    this.drop();
    if (!this.wanted) return;
    const isRare = this.isBackground && this.attempts >= BACKGROUND_AFTER;
    const delay = backoff(this.attempts, this.clock) * (isRare ? BACKGROUND_RARER : 1);
    this.attempts++;
    if (this.attempts >= POLL_AFTER && this.rest) this.startPolling();
    if (this.state !== "polling") this.setState("offline");
    else this.onState?.(this.state, this.attempts);
    this.timer = this.clock.setTimeout(() => this.open(), delay);
  }

  private drop(code?: number): void {
    const socket = this.socket;
    this.socket = null;
    this.session = null;
    this.held = null;
    for (const name of ["silence", "goodTimer", "heartbeat"] as const) this.clear(name);
    for (const { reject, timer } of this.waiting.values()) {
      this.clock.clearTimeout(timer);
      reject(new Problem("unreachable", 0, "the connection was lost"));
    }
    this.waiting.clear();
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(code);
    }
  }

  private clear(name: "timer" | "silence" | "goodTimer" | "heartbeat"): void {
    if (this[name] !== null) this.clock.clearTimeout(this[name]);
    this[name] = null;
  }

  private setState(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.onState?.(state, this.attempts);
  }

  // ---- Frames

  private receive(text: string, resumes: boolean): void {
    this.clear("silence");
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // a newer server may say what we do not understand; a broken one will close
    }
    if (frame.type === "hello") this.greeted(frame, resumes);
    else if (frame.type === "ack" || frame.type === "error") this.answered(frame);
    else if (frame.type === "resumed") this.resumed();
    else if (frame.type === "resync") this.resync(frame);
    else if (frame.type !== "pong") this.take(frame);
  }

  private greeted(frame: Frame, resumes: boolean): void {
    const hello = frame.payload as { user: User; session: string; cursor: string; heartbeat: number };
    this.user = hello.user;
    this.session = hello.session;
    this.heartbeatSeconds = hello.heartbeat;
    this.stopPolling();
    this.goodTimer = this.clock.setTimeout(() => {
      this.attempts = 0;
    }, GOOD_CONNECTION);
    this.beat();
    if (resumes) this.held = [];
    else if (this.cursor) {
      this.held = []; // polling has begun meanwhile
      this.socket?.send(JSON.stringify({ type: "resume", payload: { cursor: this.cursor } }));
    } else {
      this.cursor = hello.cursor;
      this.setState("connected");
    }
  }

  // The server pings by itself; a page cannot see that. Half-dead sockets are found by our own.
  private beat(): void {
    const seconds = this.isBackground ? BACKGROUND_BEAT : this.heartbeatSeconds;
    this.heartbeat = this.clock.setTimeout(() => {
      this.check();
      this.beat();
    }, seconds * 1000);
  }

  // What was missed comes first, with cursors; what has none (typing, presence) is newer than all of it.
  private resumed(): void {
    const held = this.held ?? [];
    this.held = null;
    this.setState("connected");
    for (const frame of held) this.deliver(frame);
  }

  private resync(frame: Frame): void {
    this.held = null;
    this.cursor = (frame.payload as { cursor: string }).cursor;
    this.setState("connected");
    this.onResync?.();
  }

  private take(frame: Frame): void {
    if (frame.cursor) this.cursor = frame.cursor;
    if (this.held && !frame.cursor) this.held.push(frame);
    else this.deliver(frame);
  }

  private deliver(frame: Frame): void {
    for (const listener of [...this.listeners]) listener(frame);
    for (const listener of [...(this.typed.get(frame.type) ?? [])]) listener(frame);
  }

  private answered(frame: Frame): void {
    const waiting = this.waiting.get(String(frame.id));
    if (!waiting) return;
    this.waiting.delete(String(frame.id));
    this.clock.clearTimeout(waiting.timer);
    if (frame.type === "ack") waiting.resolve(frame.payload as never);
    else {
      const failure = frame.payload as { problem: { status: number; code: string; detail: string } };
      waiting.reject(Problem.fromObject(failure.problem as never, failure.problem.status));
    }
  }

  // ---- Without a socket

  private startPolling(): void {
    if (this.poll || !this.rest) return;
    const poll = new AbortController();
    this.poll = poll;
    void this.runPolling(this.rest, poll.signal);
  }

  private stopPolling(): void {
    this.poll?.abort();
    this.poll = null;
  }

  private async runPolling(rest: Rest, signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        const page = await rest.sync(this.cursor, failures === 0 ? POLL_WAIT : 0, signal);
        if (signal.aborted) return;
        failures = 0;
        this.setState("polling");
        if ((page as { resync?: boolean }).resync) this.onResync?.();
        this.cursor = page.cursor;
        for (const frame of page.items) this.deliver(frame);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Problem && error.status === 401) return;
        if (this.state === "polling") this.setState("offline");
        await new Promise<void>((resolve) => this.clock.setTimeout(resolve, backoff(failures++, this.clock)));
      }
    }
  }
}
