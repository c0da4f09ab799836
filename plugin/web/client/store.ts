// SPDX-License-Identifier: GPL-3.0-or-later
// What IndexedDB keeps for a user: messages that are not sent yet, and the newest messages of
// conversations, so that they are there at once and without a network. Everything goes when the user signs out.
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Conversation, Message, Outgoing } from "./types";

export type Queued = {
  client_id: string;
  conversation_id: string;
  message: Outgoing;
  created_at: number; // milliseconds
  order: number;
  failed: string | null; // code of what stopped it for good
};
type CachedThread = { conversation_id: string; messages: Message[]; saved_at: number };

interface Schema extends DBSchema {
  outbox: { key: string; value: Queued; indexes: { order: number } };
  threads: { key: string; value: CachedThread; indexes: { saved_at: number } };
  facts: { key: string; value: unknown };
}

export const CACHE_LIFETIME = 7 * 24 * 3600 * 1000;
const THREADS_MAX = 50;
const MESSAGES_MAX = 50;

/** Where things are kept; all of it may fail (private windows, a full disk), which costs only what it is for. */
export interface Store {
  queued(): Promise<Queued[]>;
  put(item: Queued): Promise<void>;
  remove(clientId: string): Promise<void>;
  saveThread(conversation: string, messages: Message[]): Promise<void>;
  thread(conversation: string): Promise<Message[] | null>;
  /** The messages of CONVERSATION are not kept any more. */
  forget(conversation: string): Promise<void>;
  saveFact(name: "conversations", value: unknown): Promise<void>;
  fact<T>(name: "conversations"): Promise<T | null>;
  /** Everything goes, and nothing is taken any more. */
  wipe(): Promise<void>;
}

class Database implements Store {
  constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly now: () => number,
  ) {}

  queued() {
    return this.db.getAllFromIndex("outbox", "order");
  }
  async put(item: Queued) {
    await this.db.put("outbox", item);
  }
  async remove(clientId: string) {
    await this.db.delete("outbox", clientId);
  }
  async saveThread(conversation: string, messages: Message[]) {
    const kept = messages.filter((message) => !message.expires_at).slice(-MESSAGES_MAX);
    await this.db.put("threads", { conversation_id: conversation, messages: kept, saved_at: this.now() });
    const keys = await this.db.getAllKeysFromIndex("threads", "saved_at");
    for (const key of keys.slice(0, Math.max(0, keys.length - THREADS_MAX)))
      await this.db.delete("threads", key);
  }
  async thread(conversation: string) {
    const found = await this.db.get("threads", conversation);
    return found && this.now() - found.saved_at < CACHE_LIFETIME ? found.messages : null;
  }
  async forget(conversation: string) {
    await this.db.delete("threads", conversation);
  }
  async saveFact(name: string, value: unknown) {
    await this.db.put("facts", value, name);
  }
  async fact<T>(name: string) {
    return ((await this.db.get("facts", name)) as T | undefined) ?? null;
  }
  async wipe() {
    const done = [this.db.clear("outbox"), this.db.clear("threads"), this.db.clear("facts")];
    this.db.close(); // what is under way ends first
    await Promise.all(done);
  }
}

/** In memory alone: where there is no IndexedDB, and in tests. */
export class MemoryStore implements Store {
  private items = new Map<string, Queued>();
  private threads = new Map<string, Message[]>();
  private facts = new Map<string, unknown>();
  private ended = false;
  async queued() {
    return [...this.items.values()].sort((a, b) => a.order - b.order);
  }
  async put(item: Queued) {
    if (!this.ended) this.items.set(item.client_id, { ...item });
  }
  async remove(clientId: string) {
    this.items.delete(clientId);
  }
  async saveThread(conversation: string, messages: Message[]) {
    if (!this.ended) this.threads.set(conversation, messages.slice(-MESSAGES_MAX));
  }
  async thread(conversation: string) {
    return this.threads.get(conversation) ?? null;
  }
  async forget(conversation: string) {
    this.threads.delete(conversation);
  }
  async saveFact(name: string, value: unknown) {
    if (!this.ended) this.facts.set(name, value);
  }
  async fact<T>(name: string) {
    return ((this.facts.get(name) as T | undefined) ?? null) as T | null;
  }
  async wipe() {
    this.items.clear();
    this.threads.clear();
    this.facts.clear();
    this.ended = true;
  }
}

/** What was kept for USER is gone, whether or not anybody is signed in. */
export async function forgetStore(user: string): Promise<void> {
  const store = await openStore(user);
  await store.wipe().catch(() => {});
}

export async function openStore(user: string, now: () => number = Date.now): Promise<Store> {
  try {
    const db = await openDB<Schema>(`trestle-${user}`, 1, {
      upgrade(db) {
        db.createObjectStore("outbox", { keyPath: "client_id" }).createIndex("order", "order");
        db.createObjectStore("threads", { keyPath: "conversation_id" }).createIndex("saved_at", "saved_at");
        db.createObjectStore("facts");
      },
    });
    return new Database(db, now);
  } catch {
    return new MemoryStore();
  }
}

export type CachedConversations = { items: Conversation[]; saved_at: number };
