// SPDX-License-Identifier: GPL-3.0-or-later
// The client without a face: signs in, keeps MessagingState true to the server's, sends. It needs fetch, WebSocket and,
// to survive a reload, IndexedDB; no page and no framework.
import { type Clock, systemClock } from "./clock";
import { dictate } from "./dictation";
import { Arrivals, type Came, type Patch, withMessage } from "./following";
import { newId } from "./ids";
import { type Locks, noLocks, systemLocks } from "./locks";
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
import { PAGE, Pages } from "./pages";
import { Problem } from "./problem";
import { Rest } from "./rest";
import {
  type CachedConversations,
  MemoryStore,
  openStore,
  type Queued,
  type Store,
  type StoreTrouble,
} from "./store";
import { type ChannelMaker, Tabs } from "./tabs";
import * as threads from "./thread";
import type {
  Conversation,
  ConversationExpired,
  Frame,
  Message,
  Outgoing,
  Presence,
  Session,
  SignIn,
  File as StoredFile,
  User,
} from "./types";
import { Uploads } from "./Uploads";
import { type SocketMaker, WebSocketClient } from "./WebSocketClient";

const OPEN_WITHIN = 1_500; // how long the first list waits for the connection
const TYPING_SHOWN = 15_000; // a side that vanished while it typed
const TYPING_AFTER = 300;
const TYPING_EVERY = 3_000;
const READ_AFTER = 2_000;
const READ_AT = 10; // messages
const COUNT_AFTER = 1_000; // what is unread is asked for again, once for what changes together
const FILTERS: Filter[] = ["all", "unread", "archived", "requests"];

type Mark = { conversation_id: string; user_id: string; seq: number; at: string; unread_count?: number };

export type MessengerOptions = {
  api?: string; // address of the API; default: that of the page
  clock?: Clock;
  makeSocket?: SocketMaker;
  store?: Store;
  locks?: Locks;
  makeChannel?: ChannelMaker;
};

export class Messenger {
  readonly rest: Rest;
  readonly socket: WebSocketClient;
  readonly state: MessagingStore = createMessagingStore();
  readonly pages: Pages;
  outbox: Outbox;
  uploads: Uploads;
  store: Store = new MemoryStore();
  /** Nobody is signed in any more. */
  onSignedOut: (() => void) | null = null;
  /** A message of somebody else has come. */
  onMessage: ((message: Message, conversation: Conversation | undefined) => void) | null = null;
  /** A message waits for a way to the server. */
  onWaiting: (() => void) | null = null;
  /** What was read by requests may be otherwise, and nobody has told of it. */
  onReadAnew: (() => void) | null = null;
  /** Something is not kept that would have been. */
  onTrouble: ((what: StoreTrouble) => void) | null = null;
  /** Whether a person looks at the conversation that is open: only then it counts as read. */
  isLooking: () => boolean = () => true;

  private readonly clock: Clock;
  private readonly locks: Locks;
  private tabs: Tabs | null = null;
  private isRead = false; // the list was read since there is a connection
  private onOpen: (() => void) | null = null;
  private readonly typingTimers = new Map<string, unknown>();
  private readonly arrivals = new Arrivals();
  private ownTyping: { conversation: string; timer: unknown; told: number | null } | null = null;
  private readTimer: unknown = null;
  private countTimer: unknown = null;
  private readPending = 0;
  private seen: string | null = null; // the newest message, when somebody looked
  private readonly unmarked = new Map<string, string>(); // conversation, message: the server could not be told

  constructor(private readonly options: MessengerOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.locks = options.locks ?? systemLocks();
    this.rest = new Rest(options.api ?? "");
    this.rest.onSignedOut = () => void this.signedOut();
    this.pages = new Pages(this.rest, this.state, this.arrivals, () => this.store);
    const address = socketAddress(options.api ?? "");
    this.socket = new WebSocketClient(address, this.rest, this.clock, options.makeSocket);
    this.outbox = this.makeOutbox();
    this.uploads = this.makeUploads();
    this.socket.onMessage((frame) => this.take(frame));
    this.socket.onState = (connection, attempts) => this.connectionChanged(connection, attempts);
    this.socket.onResync = () => void this.readAnew();
    this.socket.onSignedOut = () => void this.signedOut();
  }

  // ---- Signing in and out

  /** Signs in by what a link has, or by the session that the page has already. Throws a Problem. */
  async signIn(what?: SignIn): Promise<User> {
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
    this.store =
      this.options.store ??
      (await openStore(
        me.id,
        () => this.clock.now(),
        (what) => this.onTrouble?.(what),
      ));
    this.state.setState({ me });
    this.outbox = this.makeOutbox();
    const cached = await this.store.fact<CachedConversations>("conversations").catch(() => null);
    if (cached) this.showList("all", cached.items, { hasMore: true, next: null, loaded: false });
    await this.outbox.restore();
    this.joinTabs(me);
    this.uploads = this.makeUploads();
    void this.uploads.restore();
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
      void this.readCapabilities();
      const { activeConversation } = this.state.getState();
      if (activeConversation) await this.openThread(activeConversation);
    } catch {
      this.isRead = false; // 401 has signed out by itself; after anything else the connection will be lost and come back
    } finally {
      this.onOpen?.();
    }
  }

  private async readCapabilities(): Promise<void> {
    const capabilities = await this.rest.capabilities().catch(() => null);
    if (capabilities?.off) this.state.setState({ capabilities });
  }

  /** Runs what needs a service of the operator's; that it is not there is remembered. */
  async needing<T>(name: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof Problem && error.code === "not_available")
        this.state.setState((state) => ({ missing: { ...state.missing, [name]: true } }));
      throw error;
    }
  }

  async signOut(everywhere = false): Promise<void> {
    await (everywhere ? this.rest.signOutEverywhere() : this.rest.signOut());
    await this.signedOut();
  }

  /** The account is deleted after a while; until then one may come back. JID: the own address. */
  async deleteAccount(jid: string): Promise<void> {
    await this.rest.deleteAccount(jid);
    await this.signedOut();
  }

  /** Whatever ended the session: nothing of it stays, in memory or kept. */
  private async signedOut(): Promise<void> {
    if (!this.state.getState().me) return;
    this.socket.disconnect();
    this.socket.cursor = null;
    this.stopCounting();
    this.unmarked.clear();
    this.readPending = 0;
    this.state.getState().reset();
    this.rest.credentials = {};
    const { store } = this;
    this.store = new MemoryStore();
    this.tabs?.end();
    this.tabs = null;
    this.outbox.setOpen(false);
    this.outbox = this.makeOutbox();
    this.uploads.end();
    this.uploads = this.makeUploads();
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
      (news) => this.tabs?.tell(news),
    );
    return outbox;
  }

  /** Of several tabs one sends. Where they have nothing in common, each does. */
  private joinTabs(me: User): void {
    this.tabs?.end();
    const isAlone = this.store instanceof MemoryStore && !this.options.store;
    const tabs = new Tabs(me.id, isAlone ? noLocks : this.locks, this.options.makeChannel);
    const { outbox } = this;
    this.tabs = tabs;
    tabs.onNews = (news) => outbox.hear(news);
    tabs.onLeading = (leading) => void outbox.setLeading(leading);
    void outbox.setLeading(false);
    tabs.join();
  }

  /** Whether this tab makes sounds and sends what waits: one does. */
  get isLeading(): boolean {
    return this.tabs?.isLeading ?? true;
  }

  /** Somebody looks at this tab. */
  lead(): void {
    this.tabs?.lead();
  }

  /** What composers show of uploads has changed. */
  onUploads: (() => void) | null = null;
  onUploadFailed: ((problem: Problem) => void) | null = null;

  private makeUploads(): Uploads {
    const uploads = new Uploads(this.rest, this.store, this.clock, this.locks);
    uploads.onChange = () => this.onUploads?.();
    uploads.onFailed = (_item, problem) => this.onUploadFailed?.(problem);
    return uploads;
  }

  /** Whether the server knows a service that writes down what is dictated. */
  get takesDictation(): boolean {
    const { capabilities, missing } = this.state.getState();
    return !!capabilities?.features.includes("dictation") && !missing.dictation;
  }

  /** What SOUND says; "": nothing that was understood. Throws a Problem. */
  dictate(sound: Blob & { name?: string }): Promise<string> {
    return this.needing("dictation", () => dictate(this.rest, sound, this.clock));
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
    if (open && this.isSignedIn) this.markAgain();
  }

  // ---- The list

  async loadList(filter: Filter, anew = false): Promise<void> {
    const list = this.state.getState().lists[filter];
    if (list.loading || (!anew && list.loaded && !list.hasMore)) return;
    this.patchList(filter, { loading: true });
    try {
      const before = anew ? undefined : (list.next ?? undefined);
      const { answer: page, came } = await this.arrivals.during(
        this.rest.conversations({ filter, before, limit: PAGE }),
      );
      const found = page.items.map((conversation) => this.caughtUp(conversation, came));
      const items = anew ? found : [...this.listed(filter), ...found];
      this.showList(filter, items, { hasMore: page.has_more, next: page.next, loaded: true });
      if (filter === "all" && anew) this.keepList();
      if (filter === "all") await this.count();
    } finally {
      this.patchList(filter, { loading: false });
    }
  }

  /** What is unread, as the server counts it; with it, how much of that is in conversations that are not loaded. */
  private async count(): Promise<void> {
    this.stopCounting();
    const totals = await this.rest.unread().catch(() => null);
    const state = this.state.getState();
    if (!totals || !state.me) return;
    const elsewhere = state.lists.all.hasMore ? totals.messages - unreadMessages(state) : 0;
    this.state.setState({ totals, unreadElsewhere: Math.max(0, elsewhere) });
  }

  private stopCounting(): void {
    if (this.countTimer !== null) this.clock.clearTimeout(this.countTimer);
    this.countTimer = null;
  }

  /** Something has come, or was read, that may change the numbers. */
  private countSoon(): void {
    this.countTimer ??= this.clock.setTimeout(() => {
      this.countTimer = null;
      void this.count();
    }, COUNT_AFTER);
  }

  /** What is kept of the list is as it is shown. */
  private keepList(): void {
    const kept = { items: this.listed("all").slice(0, PAGE) };
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

  /** The conversation of an answer, with what came while it was on its way. One that was told whole meanwhile is as that says:
   * each change is told, in order. */
  private caughtUp(conversation: Conversation, came: Came): Conversation {
    const { conversations, me, unreadCounts } = this.state.getState();
    const known = conversations[conversation.id];
    if (known && came.conversations.has(conversation.id)) return known;
    const isSeen = unreadCounts[conversation.id] === 0; // by whoever looks at it
    const followed = came.messages
      .filter((message) => message.conversation_id === conversation.id)
      .reduce((now, message) => withMessage(now, message, me, isSeen), conversation);
    return came.patches
      .filter((told) => told.conversation === conversation.id)
      .reduce((now, { patch }) => patch(now), followed);
  }

  /** Shows the conversation of an event. */
  private showTold(conversation: Conversation): void {
    this.arrivals.conversation(conversation.id);
    this.showConversation(conversation);
  }

  /** Shows the conversation that is answered. */
  private async showAnswer(asked: Promise<Conversation>): Promise<Conversation> {
    const { answer, came } = await this.arrivals.during(asked);
    const conversation = this.caughtUp(answer, came);
    this.showConversation(conversation);
    return conversation;
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
    return this.showAnswer(this.rest.conversation(id));
  }

  async talkTo(whom: { participant_id: string } | { jid: string }): Promise<Conversation> {
    return this.showAnswer(this.rest.openConversation(whom));
  }

  async createGroup(group: Parameters<Rest["createGroup"]>[0]): Promise<Conversation> {
    return this.showAnswer(this.rest.createGroup(group));
  }

  async updateConversation(id: string, changes: Record<string, unknown>): Promise<void> {
    await this.showAnswer(this.rest.updateConversation(id, changes));
  }

  async enterGroup(room: Parameters<Rest["enterGroup"]>[0]): Promise<Conversation> {
    return this.showAnswer(this.rest.enterGroup(room));
  }

  async setIcon(id: string, picture: Blob | null): Promise<void> {
    await this.showAnswer(this.rest.setIcon(id, picture));
  }

  async endGroup(id: string): Promise<void> {
    await this.rest.endGroup(id);
    this.dropConversation(id);
  }

  async answerRequest(
    id: string,
    accept: boolean,
    room: { nick?: string; password?: string } = {},
  ): Promise<void> {
    if (accept) await this.showAnswer(this.rest.acceptRequest(id, room));
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

  /** Opens a conversation: its newest messages, or those around one. What was kept is shown meanwhile. */
  async openThread(conversation: string, around?: string): Promise<void> {
    if (this.state.getState().activeConversation !== conversation) this.flushRead();
    this.state.setState({ activeConversation: conversation });
    const known = this.pages.thread(conversation);
    if (around) {
      if (!known.loaded || !known.items.some((row) => row.id === around))
        await this.pages.loadAround(conversation, around);
      return;
    }
    if (known.loaded && !known.hasNewer) return;
    if (!known.loaded) await this.pages.showCached(conversation);
    // More than a page is unread: what comes first is shown first.
    const unread = this.state.getState().conversations[conversation]?.unread_count ?? 0;
    await (unread >= PAGE && !known.loaded
      ? this.pages.loadAround(conversation, "unread")
      : this.pages.loadNewest(conversation));
  }

  closeThread(): void {
    this.flushRead();
    this.state.setState({ activeConversation: null });
  }

  /** Shown at the end of the conversation, to which one comes by it. */
  send(conversation: string, message: Outgoing): Queued {
    this.stopTyping();
    const queued = this.outbox.add(conversation, message);
    const thread = this.pages.thread(conversation);
    const last = threads.newest(thread);
    // Who answers has read what was said before.
    if (last && !thread.hasNewer && (this.state.getState().unreadCounts[conversation] ?? 0) > 0)
      this.mark(conversation, last.id);
    if (thread.hasNewer) void this.pages.loadNewest(conversation).catch(() => {});
    return queued;
  }

  private outboxSays(item: Queued, state: OutboxState | "sent" | "discarded", message?: Message): void {
    const conversation = item.conversation_id;
    if (state === "queued" && !this.socket.isConnected) this.onWaiting?.();
    if (state === "discarded")
      this.pages.set(conversation, (thread) => threads.dropPending(thread, item.client_id));
    else if (state === "sent") {
      if (message) this.arrived(message);
    } else this.pages.set(conversation, (thread) => threads.addPending(thread, this.pendingRow(item, state)));
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
    this.seen = threads.newest(this.pages.thread(conversation))?.id ?? null;
    if (this.readPending >= READ_AT) this.flushRead();
    else if (this.readTimer === null)
      this.readTimer = this.clock.setTimeout(() => this.flushRead(), READ_AFTER);
  }

  /** The page may be gone in a moment: what was seen until now is told at once. */
  leave(): void {
    this.flushRead(true);
  }

  private flushRead(isLeaving = false): void {
    if (this.readTimer !== null) this.clock.clearTimeout(this.readTimer);
    this.readTimer = null;
    const conversation = this.state.getState().activeConversation;
    const { readPending, seen } = this;
    this.readPending = 0;
    this.seen = null;
    if (!conversation || readPending === 0) return;
    // What has come since nobody looks was not seen.
    const last = this.isLooking() ? threads.newest(this.pages.thread(conversation))?.id : seen;
    if (last) this.mark(conversation, last, isLeaving);
  }

  private mark(conversation: string, message: string, keepalive = false): void {
    this.state.getState().markAsRead(conversation);
    this.countSoon();
    this.unmarked.delete(conversation);
    void this.rest.markRead(conversation, message, keepalive).catch((error) => {
      if (!this.state.getState().me) return;
      if (error instanceof Problem && error.isTemporary) this.unmarked.set(conversation, message);
      this.state.setState((state) => ({ unreadCounts: { ...state.unreadCounts, [conversation]: 1 } }));
    });
  }

  /** There is a server again. */
  private markAgain(): void {
    const marks = [...this.unmarked];
    this.unmarked.clear();
    for (const [conversation, message] of marks) this.mark(conversation, message);
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
      added?: boolean;
      reactions: Message["reactions"];
    }) =>
      this.pages.told(news.conversation_id, (thread) =>
        threads.changeMessage(thread, news.message_id, (row) => ({
          ...row,
          reactions: threads.ownReactions(news, row.reactions, this.state.getState().me),
        })),
      ),
    "message.read": (mark: Mark) => this.marked(mark, "read"),
    "message.delivered": (mark: Mark) => this.marked(mark, "delivered"),
    "message.failed": (failure: { conversation_id: string; message_id: string; code: string }) =>
      this.pages.told(failure.conversation_id, (thread) =>
        threads.changeMessage(thread, failure.message_id, (row) => ({ ...row, status: "failed" })),
      ),
    "message.starred": (star: { message_id: string; starred: boolean }) =>
      this.state.setState((state) => ({ starred: { ...state.starred, [star.message_id]: star.starred } })),
    "conversation.new": (conversation: Conversation) => this.showTold(conversation),
    "conversation.updated": (conversation: Conversation) => {
      this.showTold(conversation);
      this.countSoon();
    },
    "conversation.removed": (removed: { conversation_id: string }) => {
      this.dropConversation(removed.conversation_id);
      this.countSoon();
    },
    "conversation.expired": (expired: ConversationExpired) => this.expired(expired),
    "request.new": (request: { conversation: Conversation }) => {
      this.showTold(request.conversation);
      this.countSoon();
    },
    typing: (typing: { conversation_id: string; user_id: string; active: boolean }) =>
      this.typed(typing.conversation_id, typing.user_id, typing.active),
    presence: (presence: Presence) => this.state.getState().setUserOnline(presence),
    "user.updated": (user: User) => this.renamed(user),
    "member.added": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "member.updated": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "member.removed": (change: { conversation_id: string }) => void this.refresh(change.conversation_id),
    "file.progress": (news: { file_id: string; received: number }) => this.uploads.hear(news),
    "file.updated": (file: StoredFile) => this.fileChanged(file),
    "draft.updated": (news: { conversation_id: string; draft: Conversation["draft"] }) =>
      this.patch(news.conversation_id, (conversation) => ({ ...conversation, draft: news.draft })),
  };

  /** A file is otherwise now, wherever it is shown. */
  fileChanged(file: StoredFile): void {
    this.uploads.hearFile(file);
    for (const [conversation, thread] of Object.entries(this.state.getState().messages)) {
      const having = thread.items.filter((row) => row.attachments?.some(({ id }) => id === file.id));
      for (const { id } of having)
        this.pages.set(conversation, (now) =>
          threads.changeMessage(now, id, (row) => ({
            ...row,
            attachments: row.attachments.map((one) => (one.id === file.id ? file : one)),
          })),
        );
    }
  }

  private arrived(message: Message): void {
    const id = message.conversation_id;
    const me = this.state.getState().me;
    if (message.client_id && isOwn(message, me)) this.outbox.arrived(message.client_id, message);
    this.typed(id, message.sender_id ?? "", false);
    const known = this.pages.thread(id);
    if (this.pages.isRead(id)) {
      const added = threads.addMessage(known, message);
      if (added !== "gap") this.pages.set(id, () => added);
      else {
        this.pages.set(id, (thread) => threads.dropPending(thread, message.client_id ?? ""));
        void this.pages.catchUp(id);
      }
      this.pages.keep(id);
    }
    this.followMessage(message);
  }

  /** The list follows the message, which a page may have had already. */
  private followMessage(message: Message): void {
    const state = this.state.getState();
    const conversation = state.conversations[message.conversation_id];
    this.arrivals.message(message);
    if (!conversation) {
      this.countSoon();
      void this.conversation(message.conversation_id).catch(() => {});
      return;
    }
    const after = withMessage(conversation, message, state.me);
    if (after === conversation) return;
    this.showConversation(after);
    if (!isOwn(message, state.me)) {
      this.countSoon();
      this.onMessage?.(message, conversation);
      this.see(message.conversation_id);
    }
  }

  /** An event says something of a conversation: also in an answer that is on its way. */
  private patch(id: string, patch: Patch): void {
    this.arrivals.patch(id, patch);
    const conversation = this.state.getState().conversations[id];
    const patched = conversation && patch(conversation);
    if (patched && patched !== conversation) this.state.getState().setConversations([patched]);
  }

  private changed(message: Message): void {
    this.pages.told(message.conversation_id, (thread) =>
      threads.changeMessage(thread, message.id, () => message),
    );
    this.patch(message.conversation_id, (conversation) =>
      conversation.last_message?.id === message.id
        ? { ...conversation, last_message: message }
        : conversation,
    );
    this.pages.keepAgain(message.conversation_id, message.id);
    // It may count as read now that it was answered, or as unread since it was not: the server knows.
    if (message.message_type === "call" && !isOwn(message, this.state.getState().me))
      void this.refresh(message.conversation_id);
  }

  private deleted(deleted: { conversation_id: string; message_id: string; reason: string }): void {
    const gone = new Date(this.clock.now()).toISOString();
    this.pages.told(deleted.conversation_id, (thread) =>
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
    this.pages.keepAgain(deleted.conversation_id, deleted.message_id);
    if (conversation?.last_message?.id === deleted.message_id)
      void this.refresh(deleted.conversation_id).then(() => this.keepList());
    else this.keepList();
  }

  /** What was kept for long enough is gone: it is not shown, not kept, and not what the list tells of. */
  private expired({ conversation_id: id, up_to_seq: seq }: ConversationExpired): void {
    const wasShown = this.pages.thread(id).items.length > 0;
    this.pages.told(id, (thread) => threads.removeUpTo(thread, seq));
    const thread = this.pages.thread(id);
    // All of the piece is gone, and what is newer is somewhere else.
    if (wasShown && thread.hasNewer && !threads.newest(thread))
      void this.pages.loadNewest(id).catch(() => {});
    const { store } = this;
    void store
      .thread(id)
      .then((kept) => {
        if (!kept?.some((message) => message.seq <= seq)) return undefined;
        const left = kept.filter((message) => message.seq > seq);
        return left.length > 0 ? store.saveThread(id, left) : store.forget(id);
      })
      .catch(() => {});
    const last = this.state.getState().conversations[id]?.last_message;
    if (last && last.seq <= seq) void this.refresh(id).then(() => this.keepList());
    else this.keepList();
    this.countSoon();
  }

  /** Another device, or another tab, has read. */
  private ownMark(mark: Mark): void {
    const conversation = this.state.getState().conversations[mark.conversation_id];
    this.countSoon();
    if (!conversation) return;
    const left = mark.unread_count ?? ((conversation.last_message?.seq ?? 0) <= mark.seq ? 0 : null);
    if (left === 0) this.state.getState().markAsRead(mark.conversation_id);
    else if (left === null || conversation.unread_mentions > 0) void this.refresh(mark.conversation_id);
    else this.state.getState().setConversations([{ ...conversation, unread_count: left }]);
  }

  private marked(mark: Mark, what: "read" | "delivered"): void {
    const { me } = this.state.getState();
    if (mark.user_id === me?.id) {
      if (what === "read") this.ownMark(mark);
      return;
    }
    if (what === "read")
      this.patch(mark.conversation_id, (conversation) => ({
        ...conversation,
        participants: conversation.participants.map((participant) =>
          participant.user.id === mark.user_id
            ? { ...participant, last_read_seq: Math.max(participant.last_read_seq, mark.seq) }
            : participant,
        ),
      }));
    this.pages.told(mark.conversation_id, (thread) => ({
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
      await this.showAnswer(this.rest.conversation(conversation));
    } catch (error) {
      if (error instanceof Problem && error.status === 404) this.dropConversation(conversation);
    }
  }

  /** The log does not reach back to where we were: everything that is shown is read again. */
  private async readAnew(): Promise<void> {
    const { activeConversation, messages } = this.state.getState();
    this.state.setState({ messages: {} });
    this.onReadAnew?.();
    for (const [id, thread] of Object.entries(messages)) {
      const waiting = thread.items.filter((row) => row.pending);
      if (waiting.length > 0) this.pages.set(id, (empty) => ({ ...empty, items: waiting }));
    }
    await this.loadList("all", true).catch(() => {});
    if (activeConversation) await this.openThread(activeConversation).catch(() => {});
  }
}
/** Of the socket that belongs to the API at ADDRESS ("": the page's own). */
export function socketAddress(address: string): string {
  const base = address || (typeof location === "undefined" ? "" : location.origin);
  return `${base.replace(/^http/, "ws")}/ws`;
}
