// SPDX-License-Identifier: GPL-3.0-or-later
// What IndexedDB keeps for a user: messages that are not sent yet, and the newest messages of
// conversations, so that they are there at once and without a network. Everything goes when the user signs out.
import { type DBSchema, deleteDB, type IDBPDatabase, openDB } from "idb";
import type { Conversation, Message, Outgoing } from "./types";
import type { KeptUpload } from "./Upload";

export type Queued = {
  client_id: string;
  conversation_id: string;
  message: Outgoing;
  created_at: number; // milliseconds
  order: number;
  failed: string | null; // code of what stopped it for good
};
/** A file in a composer. */
export type QueuedFile = {
  id: string;
  conversation_id: string;
  source: Blob;
  name: string;
  purpose: "attachment" | "voice";
  order: number;
  upload: KeptUpload | null;
};
/** What the server has, as it was: of no use from EXPIRES (milliseconds) on. */
export type Cached<T> = { value: T; expires: number };
type CachedThread = Cached<Message[]> & { conversation_id: string };

interface Schema extends DBSchema {
  outbox: { key: string; value: Queued; indexes: { order: number } };
  threads: { key: string; value: CachedThread; indexes: { expires: number } };
  facts: { key: string; value: Cached<unknown> };
  files: { key: string; value: QueuedFile };
}

export const CACHE_LIFETIME = 7 * 24 * 3600 * 1000;
const THREADS_MAX = 50;
const MESSAGES_MAX = 50;

export function cached<T>(value: T, now: number): Cached<T> {
  return { value, expires: now + CACHE_LIFETIME };
}

/** The value, if it is not too old. One that lasts longer than any can was saved while the clock was wrong. */
export function unexpired<T>(entry: Cached<T> | undefined, now: number): T | null {
  return entry && entry.expires > now && entry.expires <= now + CACHE_LIFETIME ? entry.value : null;
}

/** Messages as they are kept: the newest, and none that is to disappear. */
function keepable(messages: Message[]): Message[] {
  return messages.filter((message) => !message.expires_at).slice(-MESSAGES_MAX);
}

/** Where things are kept; all of it may fail (private windows, a full disk), which costs only what it is for. */
export interface Store {
  queued(): Promise<Queued[]>;
  put(item: Queued): Promise<void>;
  remove(clientId: string): Promise<void>;
  files(): Promise<QueuedFile[]>;
  putFile(file: QueuedFile): Promise<void>;
  removeFile(id: string): Promise<void>;
  saveThread(conversation: string, messages: Message[]): Promise<void>;
  thread(conversation: string): Promise<Message[] | null>;
  /** The messages of CONVERSATION are not kept any more. */
  forget(conversation: string): Promise<void>;
  saveFact(name: "conversations", value: unknown): Promise<void>;
  fact<T>(name: "conversations"): Promise<T | null>;
  /** Everything goes, and nothing is taken any more. */
  wipe(): Promise<void>;
  /** Nothing is asked any more; what is kept stays. */
  close(): void;
}

class Database implements Store {
  constructor(
    private readonly db: IDBPDatabase<Schema>,
    private readonly now: () => number,
    private readonly onTrouble: (what: StoreTrouble) => void,
  ) {}

  /** What would be missed is told of. */
  private async keep(put: Promise<unknown>): Promise<void> {
    try {
      await put;
    } catch (error) {
      if (error instanceof Error && error.name === "QuotaExceededError") this.onTrouble("full");
      throw error;
    }
  }

  queued() {
    return this.db.getAllFromIndex("outbox", "order");
  }
  async put(item: Queued) {
    await this.keep(this.db.put("outbox", item));
  }
  async remove(clientId: string) {
    await this.db.delete("outbox", clientId);
  }
  async files() {
    return (await this.db.getAll("files")).sort((a, b) => a.order - b.order);
  }
  async putFile(file: QueuedFile) {
    await this.keep(this.db.put("files", file));
  }
  async removeFile(id: string) {
    await this.db.delete("files", id);
  }
  async saveThread(conversation: string, messages: Message[]) {
    const entry = cached(keepable(messages), this.now());
    await this.db.put("threads", { conversation_id: conversation, ...entry });
    const keys = await this.db.getAllKeysFromIndex("threads", "expires");
    for (const key of keys.slice(0, Math.max(0, keys.length - THREADS_MAX)))
      await this.db.delete("threads", key);
  }
  /** What is too old is not only hidden, it goes. What is saved meanwhile stays: nobody saves between a look and what follows it. */
  async sweep() {
    for (const name of ["threads", "facts"] as const) {
      let at = await this.db.transaction(name, "readwrite").store.openCursor();
      while (at) {
        if (unexpired<unknown>(at.value, this.now()) === null) await at.delete();
        at = await at.continue();
      }
    }
  }
  async thread(conversation: string) {
    return unexpired(await this.db.get("threads", conversation), this.now());
  }
  async forget(conversation: string) {
    await this.db.delete("threads", conversation);
  }
  async saveFact(name: string, value: unknown) {
    await this.db.put("facts", cached(value, this.now()), name);
  }
  async fact<T>(name: string) {
    return unexpired((await this.db.get("facts", name)) as Cached<T> | undefined, this.now());
  }
  async wipe() {
    const done = STORES.map((name) => this.db.clear(name));
    this.db.close(); // what is under way ends first
    await Promise.all(done);
  }
  close() {
    this.db.close();
  }
}

/** In memory alone: where there is no IndexedDB, and in tests. */
export class MemoryStore implements Store {
  private items = new Map<string, Queued>();
  private uploads = new Map<string, QueuedFile>();
  private threads = new Map<string, Cached<Message[]>>();
  private facts = new Map<string, Cached<unknown>>();
  private ended = false;
  constructor(private readonly now: () => number = Date.now) {}
  async queued() {
    return [...this.items.values()].sort((a, b) => a.order - b.order);
  }
  async put(item: Queued) {
    if (!this.ended) this.items.set(item.client_id, { ...item });
  }
  async remove(clientId: string) {
    this.items.delete(clientId);
  }
  async files() {
    return [...this.uploads.values()].sort((a, b) => a.order - b.order);
  }
  async putFile(file: QueuedFile) {
    if (!this.ended) this.uploads.set(file.id, { ...file });
  }
  async removeFile(id: string) {
    this.uploads.delete(id);
  }
  async saveThread(conversation: string, messages: Message[]) {
    if (!this.ended) this.threads.set(conversation, cached(keepable(messages), this.now()));
  }
  async thread(conversation: string) {
    return unexpired(this.threads.get(conversation), this.now());
  }
  async forget(conversation: string) {
    this.threads.delete(conversation);
  }
  async saveFact(name: string, value: unknown) {
    if (!this.ended) this.facts.set(name, cached(value, this.now()));
  }
  async fact<T>(name: string) {
    return unexpired(this.facts.get(name) as Cached<T> | undefined, this.now());
  }
  async wipe() {
    this.items.clear();
    this.uploads.clear();
    this.threads.clear();
    this.facts.clear();
    this.ended = true;
  }
  close() {}
}

/** In memory, beside a database of USER's that cannot be used: when everything goes, that goes, too. */
class Beside extends MemoryStore {
  constructor(
    private readonly name: string,
    now: () => number,
  ) {
    super(now);
  }
  override async wipe() {
    await super.wipe();
    if (typeof indexedDB !== "undefined") void deleteDB(this.name).catch(() => {}); // as soon as nobody has it open
  }
}

/** What was kept for USER is gone, whether or not anybody is signed in. */
export async function forgetStore(user: string): Promise<void> {
  const store = await openStore(user);
  await store.wipe().catch(() => {});
}

/** Why nothing is kept, or not all: there is nothing to keep it in; it is of a newer page than this one; another tab holds an
 * older one and does not let go; a newer page has taken it over; the browser has taken it away; it is full. */
export type StoreTrouble = "none" | "newer" | "blocked" | "outdated" | "lost" | "full";

const VERSION = 3;
const BLOCKED_WITHIN = 3_000; // milliseconds for which other tabs may need to let go
const STORES = ["outbox", "threads", "facts", "files"] as const;

/** What is kept of USER. Where nothing can be, it is in memory alone; ON_TROUBLE is told that, and what happens later. */
export async function openStore(
  user: string,
  now: () => number = Date.now,
  onTrouble: (what: StoreTrouble) => void = () => {},
): Promise<Store> {
  try {
    const db = await openWithin(user, onTrouble);
    if (!db) return new Beside(nameOf(user), now);
    if (!STORES.every((name) => db.objectStoreNames.contains(name))) {
      db.close();
      onTrouble("none");
      return new Beside(nameOf(user), now);
    }
    const store = new Database(db, now, onTrouble);
    void store.sweep().catch(() => {});
    return store;
  } catch (error) {
    onTrouble(error instanceof Error && error.name === "VersionError" ? "newer" : "none");
    return new Beside(nameOf(user), now);
  }
}

const nameOf = (user: string) => `trestle-${user}`;

/** Null: another tab does not let go of an older version. Should it still do so, this page stays without. */
function openWithin(
  user: string,
  onTrouble: (what: StoreTrouble) => void,
): Promise<IDBPDatabase<Schema> | null> {
  return new Promise((resolve, reject) => {
    let isGivenUp = false;
    const opening = openDB<Schema>(nameOf(user), VERSION, {
      upgrade,
      blocked: () =>
        void setTimeout(() => {
          if (isGivenUp) return;
          isGivenUp = true;
          onTrouble("blocked");
          resolve(null);
        }, BLOCKED_WITHIN),
      // A tab with a newer page waits for this one.
      blocking: (_now, _wanted, event) => {
        (event.target as IDBDatabase).close();
        onTrouble("outdated");
      },
      terminated: () => onTrouble("lost"),
    });
    opening.then((db) => {
      if (isGivenUp) db.close();
      isGivenUp = true;
      resolve(db);
    }, reject);
  });
}

function upgrade(db: IDBPDatabase<Schema>, before: number): void {
  if (before < 1) db.createObjectStore("outbox", { keyPath: "client_id" }).createIndex("order", "order");
  if (before < 2) db.createObjectStore("files", { keyPath: "id" });
  // What is cached comes again: it is not carried over.
  for (const name of ["threads", "facts"] as const)
    if (db.objectStoreNames.contains(name)) db.deleteObjectStore(name);
  db.createObjectStore("threads", { keyPath: "conversation_id" }).createIndex("expires", "expires");
  db.createObjectStore("facts");
}

export type CachedConversations = { items: Conversation[] };
