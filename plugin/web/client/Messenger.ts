// SPDX-License-Identifier: GPL-3.0-or-later
// The client without a face: signs in, keeps MessagingState true to the server's, sends. It needs fetch, WebSocket and,
// to survive a reload, IndexedDB; no page and no framework.
import { type Clock, systemClock } from "./clock";
import { newId } from "./ids";
import {
  compareConversations,
  createMessagingStore,
  type Filter,
  fits,
  isOwn,
  type MessagingStore,
  unreadMessages,
} from "./MessagingState";
import { Outbox, type OutboxState } from "./outbox";
import { Problem } from "./problem";
import { Rest } from "./rest";
import { type CachedConversations, MemoryStore, openStore, type Queued, type Store } from "./store";
import * as threads from "./thread";
import type { Conversation, Frame, Message, Outgoing, Presence, Session, User } from "./types";
import { type SocketMaker, WebSocketClient } from "./WebSocketClient";

const PAGE = 50;
const OPEN_WITHIN = 1_500; // how long the first list waits for the connection
const TYPING_SHOWN = 15_000; // a side that vanished while it typed
const TYPING_AFTER = 300;
const TYPING_EVERY = 3_000;
const READ_AFTER = 2_000;
const READ_AT = 10; // messages
const FILTERS: Filter[] = ["all", "unread", "archived", "requests"];

export type MessengerOptions = {
  api?: string; // address of the API; default: that of the page
  clock?: Clock;
  makeSocket?: SocketMaker;
  store?: Store;
};

export class Messenger {
  readonly rest: Rest;
  readonly socket: WebSocketClient;
  readonly state: MessagingStore = createMessagingStore();
  outbox: Outbox;
  store: Store = new MemoryStore();
  /** Nobody is signed in any more. */
  onSignedOut: (() => void) | null = null;
  /** A message of somebody else has come. */
  onMessage: ((message: Message, conversation: Conversation | undefined) => void) | null = null;
  /** Whether a person looks at the conversation that is open: only then it counts as read. */
  isLooking: () => boolean = () => true;

  private readonly clock: Clock;
  private isRead = false; // the list was read since there is a connection
  private onOpen: (() => void) | null = null;
  private readonly typingTimers = new Map<string, unknown>();
  private readonly catching = new Map<string, Promise<void>>();
  private readonly behind = new Set<string>(); // there is more since what is being caught up with was asked for
  private ownTyping: { conversation: string; timer: unknown; told: number | null } | null = null;
  private readTimer: unknown = null;
  private readPending = 0;

  constructor(private readonly options: MessengerOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.rest = new Rest(options.api ?? "");
    this.rest.onSignedOut = () => void this.signedOut();
    const address = socketAddress(options.api ?? "");
    this.socket = new WebSocketClient(address, this.rest, this.clock, options.makeSocket);
    this.outbox = this.makeOutbox();
    this.socket.onMessage((frame) => this.take(frame));
    this.socket.onState = (connection, attempts) => this.connectionChanged(connection, attempts);
    this.socket.onResync = () => void this.readAnew();
    this.socket.onSignedOut = () => void this.signedOut();
  }

  // ---- Signing in and out

  /** Signs in by what a link has, or by the session that the page has already. Throws a Problem. */
  async signIn(what?: { token: string } | { code: string }): Promise<User> {
    const session: Session = what ? await this.rest.signIn(what) : await this.rest.session();
    this.rest.credentials = { csrf: session.csrf_token ?? undefined };
    await this.begin(session.user);
    return session.user;
  }

  /** For programs: every request carries TOKEN, there is no cookie. */
  async useToken(token: string): Promise<User> {
    this.rest.credentials = { token };
    const me = await this.rest.me();
    await this.begin(me as User, token);
    return me as User;
  }

  /** Without a server: shows what is kept of USER, who was signed in before, and connects as soon as that is possible. */
  async signInLater(user: User): Promise<void> {
    await this.begin(user);
  }

  private async begin(me: User, token?: string): Promise<void> {
    this.store = this.options.store ?? (await openStore(me.id, () => this.clock.now()));
    this.state.setState({ me });
    this.outbox = this.makeOutbox();
    const cached = await this.store.fact<CachedConversations>("conversations").catch(() => null);
    if (cached) this.showList("all", cached.items, { hasMore: true, next: null, loaded: false });
    await this.outbox.restore();
    this.isRead = false;
    this.socket.connect(token);
    await this.whenOpen(OPEN_WITHIN);
    if (!this.isRead) {
      await this.loadList("all", true).catch((error) => {
        if (!(error instanceof Problem && error.isTemporary)) throw error;
      });
    }
  }

  /** Until there is a connection, or for so many milliseconds. */
  private whenOpen(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(resolve, milliseconds);
      this.onOpen = () => {
        this.clock.clearTimeout(timer);
        resolve();
      };
    });
  }

  private get isSignedIn(): boolean {
    return !!(this.rest.credentials.token || this.rest.credentials.csrf);
  }

  /** The first connection: what is read from here on and the events behind it leave no gap. A page that began without a
   * server finishes signing in, too. */
  private async read(): Promise<void> {
    this.isRead = true;
    try {
      if (!this.isSignedIn) {
        const session = await this.rest.session();
        this.rest.credentials = { csrf: session.csrf_token ?? undefined };
        this.state.setState({ me: session.user });
      }
      this.outbox.setOpen(true);
      await this.loadList("all", true);
      const { activeConversation } = this.state.getState();
      if (activeConversation) await this.openThread(activeConversation);
    } catch {
      this.isRead = false; // 401 has signed out by itself; after anything else the connection will be lost and come back
    } finally {
      this.onOpen?.();
    }
  }

  async signOut(everywhere = false): Promise<void> {
    await (everywhere ? this.rest.signOutEverywhere() : this.rest.signOut());
    await this.signedOut();
  }

  /** Whatever ended the session: nothing of it stays, in memory or kept. */
  private async signedOut(): Promise<void> {
    if (!this.state.getState().me) return;
    this.socket.disconnect();
    this.socket.cursor = null;
    this.state.getState().reset();
    this.rest.credentials = {};
    const { store } = this;
    this.store = new MemoryStore();
    this.outbox.setOpen(false);
    this.outbox = this.makeOutbox();
    this.onSignedOut?.();
    await store.wipe().catch(() => {});
  }

  private makeOutbox(): Outbox {
    const outbox: Outbox = new Outbox(
      (conversation, message) => this.transmit(conversation, message),
      this.store,
      (item, state, message) => {
        // One of a session that is over has nothing to say any more.
        if (outbox === this.outbox) this.outboxSays(item, state, message);
      },
      this.clock,
    );
    return outbox;
  }

  private transmit(conversation: string, message: Outgoing & { client_id: string }): Promise<Message> {
    return this.socket.isConnected
      ? this.socket.sendMessage(conversation, message)
      : this.rest.send(conversation, message);
  }

  private connectionChanged(connection: WebSocketClient["state"], attempts: number): void {
    const changed = this.state.getState().connection !== connection;
    this.state.setState({ connection, attempts });
    if (connection === "offline") this.state.setState({ typingUsers: {} });
    // A new socket is told who is there; whom it does not name is not, and without one nobody is told of.
    if (changed && connection !== "connecting") this.state.setState({ onlineUsers: {} });
    const open = connection === "connected" || connection === "polling";
    if (open && !this.isRead) void this.read();
    else this.outbox.setOpen(open);
  }

  // ---- The list

  async loadList(filter: Filter, anew = false): Promise<void> {
    const list = this.state.getState().lists[filter];
    if (list.loading || (!anew && list.loaded && !list.hasMore)) return;
    this.patchList(filter, { loading: true });
    try {
      const before = anew ? undefined : (list.next ?? undefined);
      const page = await this.rest.conversations({ filter, before, limit: PAGE });
      const items = anew ? page.items : [...this.listed(filter), ...page.items];
      this.showList(filter, items, { hasMore: page.has_more, next: page.next, loaded: true });
      if (filter === "all" && anew) this.keepList();
      if (filter === "all") await this.countElsewhere().catch(() => {});
    } finally {
      this.patchList(filter, { loading: false });
    }
  }

  /** What is unread in conversations that are not loaded. */
  private async countElsewhere(): Promise<void> {
    const { hasMore } = this.state.getState().lists.all;
    const all = hasMore ? (await this.rest.unread()).messages : 0;
    const here = hasMore ? unreadMessages(this.state.getState()) : 0;
    this.state.setState({ unreadElsewhere: Math.max(0, all - here) });
  }

  /** What is kept of the list is as it is shown. */
  private keepList(): void {
    const kept = { items: this.listed("all").slice(0, PAGE), saved_at: this.clock.now() };
    void this.store.saveFact("conversations", kept).catch(() => {});
  }

  private listed(filter: Filter): Conversation[] {
    const { lists, conversations } = this.state.getState();
    return lists[filter].ids.map((id) => conversations[id]!).filter(Boolean);
  }

  private patchList(
    filter: Filter,
    change: Partial<ReturnType<MessagingStore["getState"]>["lists"]["all"]>,
  ): void {
    this.state.setState((state) => ({
      lists: { ...state.lists, [filter]: { ...state.lists[filter], ...change } },
    }));
  }

  private showList(
    filter: Filter,
    items: Conversation[],
    change: { hasMore: boolean; next: string | null; loaded: boolean },
  ) {
    this.state.getState().setConversations(items);
    const unique = [...new Map(items.map((item) => [item.id, item])).values()];
    const ids = unique.sort(compareConversations).map((item) => item.id);
    this.patchList(filter, { ids, ...change });
  }

  /** A conversation is known now, or is otherwise than before. */
  private showConversation(conversation: Conversation): void {
    this.state.getState().setConversations([conversation]);
    this.sortLists(conversation);
  }

  private sortLists(conversation: Conversation): void {
    for (const filter of FILTERS) {
      const { lists, conversations } = this.state.getState();
      const others = lists[filter].ids.filter((id) => id !== conversation.id);
      // A list of unread ones keeps what is being read while one looks at it.
      const stays =
        filter === "unread" && lists[filter].ids.includes(conversation.id) && fits(conversation, "all");
      if (!fits(conversation, filter) && !stays) {
        if (others.length !== lists[filter].ids.length) this.patchList(filter, { ids: others });
        continue;
      }
      const all = [...others.map((id) => conversations[id]!).filter(Boolean), conversation];
      this.patchList(filter, { ids: all.sort(compareConversations).map((item) => item.id) });
    }
  }

  private dropConversation(id: string): void {
    this.state.setState((state) => {
      const conversations = { ...state.conversations };
      const messages = { ...state.messages };
      delete conversations[id];
      delete messages[id];
      const lists = { ...state.lists };
      for (const filter of FILTERS) {
        lists[filter] = { ...lists[filter], ids: lists[filter].ids.filter((other) => other !== id) };
      }
      return { conversations, messages, lists };
    });
    void this.store.forget(id).catch(() => {});
    this.keepList();
  }

  /** The conversation ID, from the server if it is not known. */
  async conversation(id: string): Promise<Conversation> {
    const known = this.state.getState().conversations[id];
    if (known) return known;
    const conversation = await this.rest.conversation(id);
    this.showConversation(conversation);
    return conversation;
  }

  async talkTo(whom: { participant_id: string } | { jid: string }): Promise<Conversation> {
    const conversation = await this.rest.openConversation(whom);
    this.showConversation(conversation);
    return conversation;
  }

  async createGroup(group: Parameters<Rest["createGroup"]>[0]): Promise<Conversation> {
    const conversation = await this.rest.createGroup(group);
    this.showConversation(conversation);
    return conversation;
  }

  async updateConversation(id: string, changes: Record<string, unknown>): Promise<void> {
    this.showConversation(await this.rest.updateConversation(id, changes));
  }

  async answerRequest(id: string, accept: boolean): Promise<void> {
    if (accept) this.showConversation(await this.rest.acceptRequest(id));
    else {
      await this.rest.declineRequest(id);
      this.dropConversation(id);
    }
  }

  async removeConversation(id: string): Promise<void> {
    await this.rest.removeConversation(id);
    this.dropConversation(id);
  }

  async leaveGroup(id: string, successor?: string): Promise<void> {
    await this.rest.leaveGroup(id, successor);
    this.dropConversation(id);
  }

  // ---- Messages

  private setMessages(conversation: string, change: (thread: threads.Messages) => threads.Messages): void {
    this.state.getState().setMessages(conversation, change);
  }

  private thread(conversation: string): threads.Messages {
    return this.state.getState().messages[conversation] ?? threads.EMPTY;
  }

  /** Opens a conversation: its newest messages, or those around one. What was kept is shown meanwhile. */
  async openThread(conversation: string, around?: string): Promise<void> {
    if (this.state.getState().activeConversation !== conversation) this.flushRead();
    this.state.setState({ activeConversation: conversation });
    const known = this.thread(conversation);
    if (around) {
      if (!known.items.some((row) => row.id === around)) await this.loadAround(conversation, around);
      return;
    }
    if (known.loaded && !known.hasNewer) return;
    if (!known.loaded) await this.showCached(conversation);
    // More than a page is unread: what comes first is shown first.
    const unread = this.state.getState().conversations[conversation]?.unread_count ?? 0;
    await (unread >= PAGE && !known.loaded
      ? this.loadAround(conversation, "unread")
      : this.loadNewest(conversation));
  }

  closeThread(): void {
    this.flushRead();
    this.state.setState({ activeConversation: null });
  }

  private async showCached(conversation: string): Promise<void> {
    const cached = await this.store.thread(conversation).catch(() => null);
    if (!cached || this.thread(conversation).loaded) return;
    this.setMessages(conversation, (thread) => ({ ...threads.addPage(thread, cached, {}), loaded: false }));
  }

  async loadNewest(conversation: string): Promise<void> {
    const page = await this.rest.messages(conversation, { limit: PAGE });
    this.setMessages(conversation, (thread) =>
      threads.addPage(thread, page.items, { hasOlder: page.has_more, hasNewer: false, replace: true }),
    );
    this.keepThread(conversation);
  }

  private async loadAround(conversation: string, around: string): Promise<void> {
    const page = await this.rest.messages(conversation, { around, limit: PAGE });
    this.setMessages(conversation, (thread) =>
      threads.addPage(thread, page.items, { hasOlder: true, hasNewer: true, replace: true }),
    );
    await this.loadNewer(conversation);
  }

  async loadOlder(conversation: string): Promise<void> {
    const first = threads.oldest(this.thread(conversation));
    if (!first || !this.thread(conversation).hasOlder) return;
    const page = await this.rest.messages(conversation, { before: first.id, limit: PAGE });
    this.setMessages(conversation, (thread) =>
      threads.addPage(thread, page.items, { hasOlder: page.has_more }),
    );
  }

  async loadNewer(conversation: string): Promise<void> {
    const last = threads.newest(this.thread(conversation));
    if (!last) return this.loadNewest(conversation);
    const page = await this.rest.messages(conversation, { after: last.id, limit: PAGE });
    this.setMessages(conversation, (thread) =>
      threads.addPage(thread, page.items, { hasNewer: page.has_more }),
    );
  }

  private keepThread(conversation: string): void {
    const rows = this.thread(conversation).items.filter((row) => !row.pending);
    void this.store.saveThread(conversation, rows).catch(() => {});
  }

  /** A message was changed or deleted: what is kept must not have it as it was. */
  private keepAgain(conversation: string, message: string): void {
    if (this.thread(conversation).loaded) {
      this.keepThread(conversation);
      return;
    }
    const { store } = this;
    void store
      .thread(conversation)
      .then((kept) => (kept?.some(({ id }) => id === message) ? store.forget(conversation) : undefined))
      .catch(() => {});
  }

  send(conversation: string, message: Outgoing): Queued {
    this.stopTyping();
    return this.outbox.add(conversation, message);
  }

  private outboxSays(item: Queued, state: OutboxState | "sent" | "discarded", message?: Message): void {
    const conversation = item.conversation_id;
    if (state === "discarded")
      this.setMessages(conversation, (thread) => threads.dropPending(thread, item.client_id));
    else if (state === "sent") {
      if (message) this.arrived(message);
    } else
      this.setMessages(conversation, (thread) => threads.addPending(thread, this.pendingRow(item, state)));
  }

  private pendingRow(item: Queued, pending: OutboxState): threads.Row {
    const { me, conversations, messages } = this.state.getState();
    const last = conversations[item.conversation_id]?.last_message?.seq ?? 0;
    const replied = messages[item.conversation_id]?.items.find((row) => row.id === item.message.reply_to);
    return {
      id: item.client_id,
      client_id: item.client_id,
      conversation_id: item.conversation_id,
      seq: last + 1,
      sender: me,
      sender_id: me?.id ?? null,
      content: item.message.content ?? null,
      message_type: item.message.message_type ?? "text",
      metadata: item.message.poll || item.message.location ? { ...item.message } : null,
      reply_to: item.message.reply_to ?? null,
      quote: replied
        ? {
            message_id: replied.id,
            sender_id: replied.sender_id,
            content: replied.content,
            message_type: replied.message_type,
            deleted: false,
          }
        : null,
      thread_id: item.message.thread_id ?? null,
      reactions: [],
      mentions: item.message.mentions ?? [],
      attachments: [],
      is_edited: false,
      edited_at: null,
      deleted_at: null,
      expires_at: null,
      status: "sent",
      delivered_at: null,
      read_at: null,
      created_at: new Date(item.created_at).toISOString(),
      forward_count: 0,
      is_forwarded: false,
      link_preview: null,
      pending,
      failure: item.failed ?? undefined,
    } as threads.Row;
  }

  async edit(message: Message, content: string): Promise<void> {
    this.changed(await this.rest.edit(message.id, content));
  }

  async remove(message: Message, whom: "me" | "everyone"): Promise<void> {
    await this.rest.remove(message.id, whom);
    const { id: message_id, conversation_id } = message;
    if (whom === "me") this.deleted({ conversation_id, message_id, reason: "me" });
  }

  /** Shown at once; what the server says then wins. */
  async react(message: Message, emoji: string): Promise<void> {
    const mine = message.reactions.some((reaction) => reaction.emoji === emoji && reaction.me);
    try {
      await (mine ? this.rest.unreact(message.id, emoji) : this.rest.react(message.id, emoji));
    } catch (error) {
      this.changed(await this.rest.message(message.id).catch(() => message));
      throw error;
    }
  }

  async star(message: Message, on: boolean): Promise<void> {
    await (on ? this.rest.star(message.id) : this.rest.unstar(message.id));
    this.state.setState((state) => ({ starred: { ...state.starred, [message.id]: on } }));
  }

  async vote(message: Message, options: string[]): Promise<void> {
    this.changed(await this.rest.vote(message.id, options));
  }

  forward(message: Message, conversations: string[]): Promise<unknown> {
    return this.rest.forward(message.id, conversations, newId());
  }

  // ---- Reading and typing

  /** The person sees the end of the conversation that is open. Told after two seconds, or ten messages. */
  see(conversation: string): void {
    const state = this.state.getState();
    if (state.activeConversation !== conversation || !this.isLooking()) return;
    if ((state.unreadCounts[conversation] ?? 0) === 0) return;
    this.readPending++;
    if (this.readPending >= READ_AT) this.flushRead();
    else if (this.readTimer === null)
      this.readTimer = this.clock.setTimeout(() => this.flushRead(), READ_AFTER);
  }

  private flushRead(): void {
    if (this.readTimer !== null) this.clock.clearTimeout(this.readTimer);
    this.readTimer = null;
    const conversation = this.state.getState().activeConversation;
    const { readPending } = this;
    this.readPending = 0;
    if (!conversation || readPending === 0) return;
    const last = threads.newest(this.thread(conversation));
    if (!last || !this.isLooking()) return;
    this.state.getState().markAsRead(conversation);
    void this.rest.markRead(conversation, last.id).catch(() => {
      this.state.setState((state) => ({ unreadCounts: { ...state.unreadCounts, [conversation]: 1 } }));
    });
  }

  /** A key was pressed: told 300 ms later, and every three seconds while it goes on. */
  typing(conversation: string): void {
    if (this.ownTyping?.conversation !== conversation) {
      this.stopTyping();
      this.ownTyping = { conversation, timer: null, told: null };
      this.ownTyping.timer = this.clock.setTimeout(() => this.tellTyping(), TYPING_AFTER);
    } else if (this.ownTyping.told !== null && this.clock.now() - this.ownTyping.told >= TYPING_EVERY)
      this.tellTyping();
  }

  private tellTyping(): void {
    const typing = this.ownTyping;
    if (!typing) return;
    if (typing.timer !== null) this.clock.clearTimeout(typing.timer);
    typing.told = this.clock.now();
    this.socket.tell("typing", { conversation_id: typing.conversation, active: true });
    typing.timer = this.clock.setTimeout(() => this.stopTyping(), TYPING_EVERY * 2);
  }

  stopTyping(): void {
    const typing = this.ownTyping;
    this.ownTyping = null;
    if (!typing) return;
    if (typing.timer !== null) this.clock.clearTimeout(typing.timer);
    if (typing.told !== null)
      this.socket.tell("typing", { conversation_id: typing.conversation, active: false });
  }

  // ---- Events

  private take(frame: Frame): void {
    const handler = this.handlers[frame.type];
    handler?.(frame.payload as never);
  }

  private readonly handlers: Record<string, (payload: never) => void> = {
    "message.new": (message: Message) => this.arrived(message),
    "message.updated": (message: Message) => this.changed(message),
    "message.deleted": (deleted: { conversation_id: string; message_id: string; reason: string }) =>
      this.deleted(deleted),
    "message.reaction": (news: {
      conversation_id: string;
      message_id: string;
      user_id: string;
      emoji: string;
      reactions: Message["reactions"];
    }) =>
      this.setMessages(news.conversation_id, (thread) =>
        threads.changeMessage(thread, news.message_id, (row) => ({ ...row, reactions: news.reactions })),
      ),
    "message.read": (mark: { conversation_id: string; user_id: string; seq: number; at: string }) =>
      this.marked(mark, "read"),
    "message.delivered": (mark: { conversation_id: string; user_id: string; seq: number; at: string }) =>
      this.marked(mark, "delivered"),
    "message.failed": (failure: { conversation_id: string; message_id: string; code: string }) =>
      this.setMessages(failure.conversation_id, (thread) =>
        threads.changeMessage(thread, failure.message_id, (row) => ({ ...row, status: "failed" })),
      ),
    "message.starred": (star: { message_id: string; starred: boolean }) =>
      this.state.setState((state) => ({ starred: { ...state.starred, [star.message_id]: star.starred } })),
    "conversation.new": (conversation: Conversation) => this.showConversation(conversation),
    "conversation.updated": (conversation: Conversation) => this.showConversation(conversation),
    "conversation.removed": (removed: { conversation_id: string }) =>
      this.dropConversation(removed.conversation_id),
    "request.new": (request: { conversation: Conversation }) => this.showConversation(request.conversation),
    typing: (typing: { conversation_id: string; user_id: string; active: boolean }) =>
      this.typed(typing.conversation_id, typing.user_id, typing.active),
    presence: (presence: Presence) => this.state.getState().setUserOnline(presence),
    "user.updated": (user: User) => this.renamed(user),
    "member.added": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "member.updated": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "member.removed": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "draft.updated": (news: { conversation_id: string; draft: Conversation["draft"] }) => {
      const conversation = this.state.getState().conversations[news.conversation_id];
      if (conversation) this.state.getState().setConversations([{ ...conversation, draft: news.draft }]);
    },
  };

  private arrived(message: Message): void {
    const id = message.conversation_id;
    const me = this.state.getState().me;
    if (message.client_id && isOwn(message, me)) this.outbox.arrived(message.client_id, message);
    this.typed(id, message.sender_id ?? "", false);
    const known = this.thread(id);
    if (known.loaded || known.items.length > 0) {
      const added = threads.addMessage(known, message);
      if (added !== "gap") this.setMessages(id, () => added);
      else {
        this.setMessages(id, (thread) => threads.dropPending(thread, message.client_id ?? ""));
        void this.catchUp(id);
      }
      this.keepThread(id);
    }
    this.followMessage(message);
  }

  /** The list follows the message, which a page may have had already. */
  private followMessage(message: Message): void {
    const state = this.state.getState();
    const conversation = state.conversations[message.conversation_id];
    if (!conversation) {
      void this.conversation(message.conversation_id).catch(() => {});
      return;
    }
    const before = conversation.last_message;
    if (before && before.seq >= message.seq) return;
    const own = isOwn(message, state.me);
    const counts = !own && message.message_type !== "system" && !isAnsweredCall(message);
    this.showConversation({
      ...conversation,
      last_message: message,
      last_message_at: message.created_at,
      unread_count: own ? 0 : conversation.unread_count + (counts ? 1 : 0),
    });
    if (!own) {
      this.onMessage?.(message, conversation);
      this.see(message.conversation_id);
    }
  }

  /** Fetches what lies between what is shown and the newest message; once at a time for a conversation. */
  private catchUp(conversation: string): Promise<void> {
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
      .catch(() => this.setMessages(conversation, (thread) => ({ ...thread, hasNewer: true })))
      .finally(() => {
        this.behind.delete(conversation);
        this.catching.delete(conversation);
      });
    this.catching.set(conversation, run);
    return run;
  }

  private changed(message: Message): void {
    this.setMessages(message.conversation_id, (thread) =>
      threads.changeMessage(thread, message.id, () => message),
    );
    const conversation = this.state.getState().conversations[message.conversation_id];
    if (conversation?.last_message?.id === message.id) {
      this.state.getState().setConversations([{ ...conversation, last_message: message }]);
    }
    this.keepAgain(message.conversation_id, message.id);
    // It may count as read now that it was answered, or as unread since it was not: the server knows.
    if (message.message_type === "call" && !isOwn(message, this.state.getState().me))
      void this.refresh(message.conversation_id);
  }

  private deleted(deleted: { conversation_id: string; message_id: string; reason: string }): void {
    const gone = new Date(this.clock.now()).toISOString();
    this.setMessages(deleted.conversation_id, (thread) =>
      deleted.reason === "me" || deleted.reason === "expired"
        ? threads.removeMessage(thread, deleted.message_id)
        : threads.changeMessage(thread, deleted.message_id, (row) => ({
            ...row,
            content: null,
            metadata: null,
            reactions: [],
            deleted_at: gone,
          })),
    );
    const conversation = this.state.getState().conversations[deleted.conversation_id];
    this.keepAgain(deleted.conversation_id, deleted.message_id);
    if (conversation?.last_message?.id === deleted.message_id)
      void this.refresh(deleted.conversation_id).then(() => this.keepList());
    else this.keepList();
  }

  private marked(
    mark: { conversation_id: string; user_id: string; seq: number; at: string },
    what: "read" | "delivered",
  ): void {
    const { me, conversations } = this.state.getState();
    const conversation = conversations[mark.conversation_id];
    if (mark.user_id === me?.id) {
      if (what === "read" && conversation && (conversation.last_message?.seq ?? 0) <= mark.seq) {
        this.state.getState().markAsRead(mark.conversation_id);
      } else if (what === "read") void this.refresh(mark.conversation_id);
      return;
    }
    if (conversation && what === "read") {
      const participants = conversation.participants.map((participant) =>
        participant.user.id === mark.user_id
          ? { ...participant, last_read_seq: Math.max(participant.last_read_seq, mark.seq) }
          : participant,
      );
      this.state.getState().setConversations([{ ...conversation, participants }]);
    }
    this.setMessages(mark.conversation_id, (thread) => ({
      ...thread,
      items: thread.items.map((row) => {
        if (row.pending || row.seq > mark.seq || row.sender_id !== me?.id || row.status === "read")
          return row;
        if (what === "delivered")
          return row.status === "sent" ? { ...row, status: "delivered", delivered_at: mark.at } : row;
        return { ...row, status: "read", read_at: mark.at, delivered_at: row.delivered_at ?? mark.at };
      }),
    }));
  }

  private typed(conversation: string, user: string, active: boolean): void {
    const key = `${conversation} ${user}`;
    const timer = this.typingTimers.get(key);
    if (timer !== undefined) this.clock.clearTimeout(timer);
    this.typingTimers.delete(key);
    if (!active && !this.state.getState().typingUsers[conversation]?.includes(user)) return;
    this.state.getState().setTyping(conversation, user, active);
    if (active)
      this.typingTimers.set(
        key,
        this.clock.setTimeout(() => this.typed(conversation, user, false), TYPING_SHOWN),
      );
  }

  private renamed(user: User): void {
    const { conversations, me } = this.state.getState();
    if (me?.id === user.id) this.state.setState({ me: { ...me, ...user } });
    const changed = Object.values(conversations)
      .filter((conversation) =>
        conversation.participants.some((participant) => participant.user.id === user.id),
      )
      .map((conversation) => ({
        ...conversation,
        participants: conversation.participants.map((participant) =>
          participant.user.id === user.id
            ? { ...participant, user: { ...participant.user, ...user } }
            : participant,
        ),
      }));
    this.state.getState().setConversations(changed);
  }

  private async refresh(conversation: string): Promise<void> {
    try {
      this.showConversation(await this.rest.conversation(conversation));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) this.dropConversation(conversation);
    }
  }

  /** The log does not reach back to where we were: everything that is shown is read again. */
  private async readAnew(): Promise<void> {
    const { activeConversation, messages } = this.state.getState();
    this.state.setState({ messages: {} });
    for (const [id, thread] of Object.entries(messages)) {
      const waiting = thread.items.filter((row) => row.pending);
      if (waiting.length > 0) this.setMessages(id, (empty) => ({ ...empty, items: waiting }));
    }
    await this.loadList("all", true).catch(() => {});
    if (activeConversation) await this.openThread(activeConversation).catch(() => {});
  }
}

function isAnsweredCall(message: Message): boolean {
  const status = (message.metadata as { status?: string } | null)?.status;
  return message.message_type === "call" && (status === "active" || status === "ended");
}

/** Of the socket that belongs to the API at ADDRESS ("": the page's own). */
export function socketAddress(address: string): string {
  const base = address || (typeof location === "undefined" ? "" : location.origin);
  return `${base.replace(/^http/, "ws")}/ws`;
}
