// SPDX-License-Identifier: GPL-3.0-or-later
// Reads the messages of conversations, page by page, into what is shown of them, and keeps that for the next time. Pages
// and events overtake each other: what an event told while a page was on its way holds for the page, too.
import type { Arrivals, Came, Change } from "./following";
import type { MessagingStore } from "./MessagingState";
import type { Rest } from "./rest";
import type { Store } from "./store";
import { addMessage, addPage, EMPTY, type Messages, newest, oldest } from "./thread";
import type { Message } from "./types";

export const PAGE = 50;

export class Pages {
  private readonly asking = new Set<string>(); // conversations whose newest messages are on their way
  private readonly catching = new Map<string, Promise<void>>();
  private readonly behind = new Set<string>(); // there is more since what is being caught up with was asked for

  constructor(
    private readonly rest: Rest,
    private readonly state: MessagingStore,
    private readonly arrivals: Arrivals,
    private readonly store: () => Store,
  ) {}

  /** Whether messages of the conversation are shown, or about to be. */
  isRead(conversation: string): boolean {
    const { loaded, items } = this.thread(conversation);
    return loaded || items.length > 0 || this.asking.has(conversation);
  }

  /** What is shown of the conversation is otherwise now; nothing was told that a page could contradict. */
  set(conversation: string, change: Change): void {
    this.state.getState().setMessages(conversation, change);
  }

  thread(conversation: string): Messages {
    return this.state.getState().messages[conversation] ?? EMPTY;
  }

  /** What was kept of the conversation, until something newer is there. */
  async showCached(conversation: string): Promise<void> {
    const cached = await this.store()
      .thread(conversation)
      .catch(() => null);
    if (!cached || this.thread(conversation).loaded) return;
    this.set(conversation, (thread) => ({ ...addPage(thread, cached, {}), loaded: false }));
  }

  /** The newest messages, in the place of what is shown. */
  async loadNewest(conversation: string): Promise<void> {
    const replace = this.thread(conversation);
    this.asking.add(conversation);
    const { answer: page, came } = await this.arrivals
      .during(this.rest.messages(conversation, { limit: PAGE }))
      .finally(() => this.asking.delete(conversation));
    const where = { hasOlder: page.has_more, hasNewer: false, replace };
    this.showPage(conversation, came, (thread) => addPage(thread, page.items, where));
    this.keep(conversation);
  }

  /** The messages around one (an id, "unread" or "time:…"), in the place of what is shown. */
  async loadAround(conversation: string, around: string): Promise<void> {
    const replace = this.thread(conversation);
    const { answer: page, came } = await this.arrivals.during(
      this.rest.messages(conversation, { around, limit: PAGE }),
    );
    const where = { hasOlder: page.has_more_before, hasNewer: page.has_more_after, replace };
    this.showPage(conversation, came, (thread) => addPage(thread, page.items, where));
    if (!where.hasNewer) this.keep(conversation);
  }

  /** Adds a page, which may be of a time before what came while it was on its way. */
  private showPage(conversation: string, came: Came, add: Change): void {
    const changes = came.changes.filter((told) => told.conversation === conversation);
    this.set(conversation, (thread) => {
      const added = add(thread);
      return added === thread ? thread : changes.reduce((now, { change }) => change(now), added);
    });
    this.addCame(conversation, came);
  }

  /** Behind a page that reaches to the end: what came while it was on its way, and had no place in the piece of before. */
  private addCame(conversation: string, came: Came): void {
    for (const message of came.messages) {
      const thread = this.thread(conversation);
      if (message.conversation_id !== conversation || thread.hasNewer) continue;
      if (message.seq <= (newest(thread)?.seq ?? 0)) continue;
      const added = addMessage(thread, message);
      if (added === "gap") return void this.catchUp(conversation);
      this.set(conversation, () => added);
    }
  }

  /** Shows what was said from WHEN on; the id of the first such message, or of the last one if there is none. */
  async jumpTo(conversation: string, when: Date): Promise<string | null> {
    await this.loadAround(conversation, `time:${when.toISOString()}`);
    const rows = this.thread(conversation).items.filter((row) => !row.pending);
    const found = rows.find((row) => Date.parse(row.created_at) >= when.getTime()) ?? rows[rows.length - 1];
    return found?.id ?? null;
  }

  async loadOlder(conversation: string): Promise<void> {
    const first = oldest(this.thread(conversation));
    if (!first || !this.thread(conversation).hasOlder) return;
    const { answer: page, came } = await this.arrivals.during(
      this.rest.messages(conversation, { before: first.id, limit: PAGE }),
    );
    this.join(conversation, first.id, came, page.items, { hasOlder: page.has_more });
  }

  async loadNewer(conversation: string): Promise<void> {
    const last = newest(this.thread(conversation));
    if (!last) return this.loadNewest(conversation);
    const { answer: page, came } = await this.arrivals.during(
      this.rest.messages(conversation, { after: last.id, limit: PAGE }),
    );
    this.join(conversation, last.id, came, page.items, { hasNewer: page.has_more });
  }

  /** A page beside MESSAGE. Another piece of the conversation may be shown by now, which it would leave a hole in. */
  private join(
    conversation: string,
    message: string,
    came: Came,
    items: Message[],
    where: { hasOlder?: boolean; hasNewer?: boolean },
  ): void {
    this.showPage(conversation, came, (thread) =>
      thread.items.some((row) => row.id === message) ? addPage(thread, items, where) : thread,
    );
  }

  /** For the next time that the page is opened, also without a server. */
  keep(conversation: string): void {
    const rows = this.thread(conversation).items.filter((row) => !row.pending);
    void this.store()
      .saveThread(conversation, rows)
      .catch(() => {});
  }

  /** A message was changed or deleted: what is kept must not have it as it was. */
  keepAgain(conversation: string, message: string): void {
    if (this.thread(conversation).loaded) {
      this.keep(conversation);
      return;
    }
    const store = this.store();
    void store
      .thread(conversation)
      .then((kept) => (kept?.some(({ id }) => id === message) ? store.forget(conversation) : undefined))
      .catch(() => {});
  }

  /** Fetches what lies between what is shown and the newest message; once at a time for a conversation. */
  catchUp(conversation: string): Promise<void> {
    const running = this.catching.get(conversation);
    if (running) {
      this.behind.add(conversation); // what is being fetched may be older than what there is now
      return running;
    }
    const run = (async () => {
      for (let pages = 0; pages < 20; pages++) {
        await this.loadNewer(conversation);
        if (!this.behind.delete(conversation) && !this.thread(conversation).hasNewer) return;
      }
      await this.loadNewest(conversation);
    })()
      .catch(() => this.set(conversation, (thread) => ({ ...thread, hasNewer: true })))
      .finally(() => {
        this.behind.delete(conversation);
        this.catching.delete(conversation);
      });
    this.catching.set(conversation, run);
    return run;
  }

  /** An event says something of messages: also of those in a page that is on its way. */
  told(conversation: string, change: Change): void {
    this.arrivals.change(conversation, change);
    this.set(conversation, change);
  }
}
