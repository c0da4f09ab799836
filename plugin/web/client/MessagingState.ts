// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of conversations, their messages and the people in them. Frames, pages and the outbox change it only
// through the functions below.
import { createStore, type StoreApi } from "zustand/vanilla";
import { EMPTY, type Messages } from "./thread";
import type { Capabilities, Conversation, Message, Presence, Unread, User } from "./types";
import type { ConnectionState } from "./WebSocketClient";

export type Filter = "all" | "unread" | "archived" | "requests";

export type MessagingState = {
  me: User | null;
  connection: ConnectionState;
  attempts: number;
  conversations: Record<string, Conversation>;
  /** Everybody who was seen in a conversation, also those who are in none any more. */
  people: Record<string, User>;
  /** Ids as the list shows them for each filter, so far as they were read. */
  lists: Record<
    Filter,
    { ids: string[]; hasMore: boolean; loaded: boolean; loading: boolean; next: string | null }
  >;
  activeConversation: string | null;
  messages: Record<string, Messages>;
  unreadCounts: Record<string, number>;
  unreadElsewhere: number; // messages, in conversations that are not loaded
  /** What the server counts, as of the last look. */
  totals: Unread | null;
  typingUsers: Record<string, string[]>;
  onlineUsers: Record<string, Presence>;
  starred: Record<string, boolean>;
  /** What the server can do for who is signed in; null: it has not said yet. */
  capabilities: Capabilities | null;
  /** What a request has found not to be there: a service of the operator's. */
  missing: Record<string, boolean>;

  setConversations(conversations: Conversation[]): void;
  setMessages(conversation: string, change: (thread: Messages) => Messages): void;
  markAsRead(conversation: string): void;
  setTyping(conversation: string, user: string, active: boolean): void;
  setUserOnline(presence: Presence): void;
  reset(): void;
};

export type MessagingStore = StoreApi<MessagingState>;

const list = () => ({ ids: [], hasMore: true, loaded: false, loading: false, next: null });
const initial = () => ({
  me: null,
  connection: "offline" as ConnectionState,
  attempts: 0,
  conversations: {},
  people: {},
  lists: { all: list(), unread: list(), archived: list(), requests: list() },
  activeConversation: null,
  messages: {},
  unreadCounts: {},
  unreadElsewhere: 0,
  totals: null,
  typingUsers: {},
  onlineUsers: {},
  starred: {},
  capabilities: null,
  missing: {},
});

function unread(conversation: Conversation): number {
  return conversation.unread_count || (conversation.marked_unread ? 1 : 0);
}

/** The same object if nobody is new or has another name: what shows names is not drawn again for nothing. */
function withPeople(people: Record<string, User>, conversations: Conversation[]): Record<string, User> {
  const users = conversations.flatMap(({ participants }) => participants.map(({ user }) => user));
  const changed = users.filter((user) => people[user.id]?.name !== user.name);
  if (changed.length === 0) return people;
  return { ...people, ...Object.fromEntries(changed.map((user) => [user.id, user])) };
}

export function createMessagingStore(): MessagingStore {
  return createStore<MessagingState>((set) => ({
    ...initial(),

    setConversations: (conversations) =>
      set((state) => {
        const known = { ...state.conversations };
        const unreadCounts = { ...state.unreadCounts };
        for (const conversation of conversations) {
          known[conversation.id] = conversation;
          unreadCounts[conversation.id] = unread(conversation);
        }
        return { conversations: known, unreadCounts, people: withPeople(state.people, conversations) };
      }),

    setMessages: (conversation, change) =>
      set((state) => {
        const before = state.messages[conversation] ?? EMPTY;
        const after = change(before);
        return after === before ? state : { messages: { ...state.messages, [conversation]: after } };
      }),

    markAsRead: (id) =>
      set((state) => {
        const conversation = state.conversations[id];
        if (!conversation) return state;
        const read = { ...conversation, unread_count: 0, marked_unread: false, unread_mentions: 0 };
        return {
          conversations: { ...state.conversations, [id]: read },
          unreadCounts: { ...state.unreadCounts, [id]: 0 },
        };
      }),

    setTyping: (conversation, user, active) =>
      set((state) => {
        const others = (state.typingUsers[conversation] ?? []).filter((id) => id !== user);
        return { typingUsers: { ...state.typingUsers, [conversation]: active ? [...others, user] : others } };
      }),

    setUserOnline: (presence) =>
      set((state) => ({ onlineUsers: { ...state.onlineUsers, [presence.user_id]: presence } })),

    reset: () => set(initial()),
  }));
}

/** Whether NAME is to be offered: what is switched off is not, nor what was found missing. */
export function offers({ capabilities, missing }: MessagingState, name: string): boolean {
  return !capabilities?.off.includes(name) && !missing[name];
}

/** "forever", or a time that may have passed since the server told of it. */
export function isMuted({ muted_until: until }: Conversation, now = Date.now()): boolean {
  return until === "forever" || (until !== null && Date.parse(until) > now);
}

/** Whether CONVERSATION belongs into the list of FILTER. */
export function fits(conversation: Conversation, filter: Filter): boolean {
  const isRequest = conversation.request === "pending";
  if (filter === "requests") return isRequest;
  if (isRequest) return false;
  if (filter === "archived") return conversation.archived;
  return !conversation.archived && (filter === "all" || unread(conversation) > 0);
}

/** The order of lists: pinned ones first, then by the newest message. */
export function compareConversations(a: Conversation, b: Conversation): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  if (a.last_message_at !== b.last_message_at) return a.last_message_at < b.last_message_at ? 1 : -1;
  return a.id < b.id ? 1 : -1;
}

/** Of conversations that are neither muted nor archived; those that are marked as unread count as one message. */
export function totalUnread(state: MessagingState): number {
  let sum = state.unreadElsewhere;
  for (const conversation of Object.values(state.conversations)) {
    if (fits(conversation, "all") && !isMuted(conversation)) sum += unread(conversation);
  }
  return sum;
}

/** What the server counts, of conversations that are loaded. */
export function unreadMessages(state: MessagingState): number {
  return Object.values(state.conversations)
    .filter((conversation) => fits(conversation, "all") && !isMuted(conversation))
    .reduce((sum, conversation) => sum + conversation.unread_count, 0);
}

/** Who the other one is in a conversation of two. */
export function otherOf(conversation: Conversation, me: User | null): User | null {
  if (conversation.type !== "direct") return null;
  const users = conversation.participants.map((participant) => participant.user);
  return users.find((user) => user.id !== me?.id) ?? users[0] ?? null;
}

export function titleOf(conversation: Conversation, me: User | null): string {
  const other = otherOf(conversation, me);
  return other?.name || conversation.name || other?.username || other?.jid || "";
}

export function isOwn(message: Message, me: User | null): boolean {
  return message.sender_id !== null && message.sender_id === me?.id;
}
