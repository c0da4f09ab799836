// SPDX-License-Identifier: GPL-3.0-or-later
// The messages of one conversation, as far as they are known: a piece without gaps, ordered by seq, and behind it what is
// on its way. Pages, events and the outbox all go through these functions, which are pure.
import type { Message, User } from "./types";

/** A message as it is shown; `pending` tells of those that the server does not have yet. */
export type Row = Message & { pending?: "queued" | "sending" | "failed"; failure?: string };

export type Messages = {
  items: Row[]; // ascending by seq; pending ones last, in the order in which they were written
  hasOlder: boolean;
  hasNewer: boolean; // the piece does not reach to the newest message
  loaded: boolean;
};

export const EMPTY: Messages = { items: [], hasOlder: true, hasNewer: false, loaded: false };

/** The key of a row: it stays the same when the server takes a message. */
export function rowKey(row: Row): string {
  return row.client_id ?? row.id;
}

function isSame(a: Row, b: Row): boolean {
  return (
    a.id === b.id || (a.client_id !== null && a.client_id === b.client_id && a.sender_id === b.sender_id)
  );
}

function confirmed(thread: Messages): Row[] {
  return thread.items.filter((row) => !row.pending);
}

function pending(thread: Messages): Row[] {
  return thread.items.filter((row) => row.pending);
}

/** Joins what is known with MESSAGES, newest knowledge wins. */
function merge(rows: Row[], messages: Message[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const message of messages) byId.set(message.id, message);
  return [...byId.values()].sort((a, b) => a.seq - b.seq);
}

function withoutArrived(rows: Row[], messages: Message[]): Row[] {
  return rows.filter((row) => !messages.some((message) => isSame(row, message)));
}

type Where = {
  hasOlder?: boolean;
  hasNewer?: boolean;
  /** The page stands alone, but for what has come behind it since it was asked for: the thread as it was then. */
  replace?: Messages;
};

export function addPage(thread: Messages, messages: Message[], where: Where): Messages {
  const rows = where.replace ? cameSince(thread, messages, where) : confirmed(thread);
  return {
    items: [...merge(rows, messages), ...withoutArrived(pending(thread), messages)],
    hasOlder: where.hasOlder ?? thread.hasOlder,
    hasNewer: where.hasNewer ?? thread.hasNewer,
    loaded: true,
  };
}

/** What an event told of while the page that reaches to the end was on its way, and does not have it yet. */
function cameSince(thread: Messages, messages: Message[], where: Where): Row[] {
  if (where.hasNewer) return [];
  const last = messages[messages.length - 1]?.seq ?? 0;
  const before = new Set(where.replace?.items.map(({ id }) => id));
  return confirmed(thread).filter((row) => row.seq > last && !before.has(row.id));
}

/** A new message. "gap": others before it are not known; they have to be fetched first. */
export function addMessage(thread: Messages, message: Message): Messages | "gap" {
  const rows = confirmed(thread);
  const last = rows[rows.length - 1];
  const known = rows.some((row) => row.id === message.id);
  if (!known && (thread.hasNewer || (last && message.seq > last.seq + 1))) {
    // Its pending row is done with in any case.
    return thread.hasNewer
      ? { ...thread, items: [...rows, ...withoutArrived(pending(thread), [message])] }
      : "gap";
  }
  return { ...thread, items: [...merge(rows, [message]), ...withoutArrived(pending(thread), [message])] };
}

/** Something about a message that is shown has changed. */
export function changeMessage(thread: Messages, id: string, change: (row: Row) => Row): Messages {
  let found = false;
  const items = thread.items.map((row) => {
    if (row.id !== id) return row;
    found = true;
    return change(row);
  });
  return found ? { ...thread, items } : thread;
}

type ReactionNews = {
  user_id: string;
  emoji: string;
  added?: boolean;
  reactions: Message["reactions"];
};

/** The reactions of an event, which says the same to everybody, with which of them are ME's. BEFORE: as they were shown. */
export function ownReactions(news: ReactionNews, before: Message["reactions"], me: User | null) {
  const own = (reaction: Message["reactions"][number]) => {
    if (!me) return false;
    if (reaction.users.includes(me.id)) return true;
    if (reaction.users.length >= reaction.count) return false; // all are named
    if (news.user_id === me.id && news.emoji === reaction.emoji) return news.added ?? true;
    return before.some(({ emoji, me: mine }) => emoji === reaction.emoji && mine);
  };
  return news.reactions.map((reaction) => ({ ...reaction, me: own(reaction) }));
}

export function removeMessage(thread: Messages, id: string): Messages {
  return { ...thread, items: thread.items.filter((row) => row.id !== id) };
}

/** Messages up to SEQ are gone, and nothing older is there any more. What is on its way stays. */
export function removeUpTo(thread: Messages, seq: number): Messages {
  const items = thread.items.filter((row) => row.pending || row.seq > seq);
  return items.length < thread.items.length ? { ...thread, items, hasOlder: false } : thread;
}

export function addPending(thread: Messages, row: Row): Messages {
  const others = thread.items.filter((other) => !(other.pending && other.client_id === row.client_id));
  const was = thread.items.findIndex((other) => other.pending && other.client_id === row.client_id);
  if (was < 0) return { ...thread, items: [...others, row] };
  const items = [...thread.items];
  items[was] = row;
  return { ...thread, items };
}

export function dropPending(thread: Messages, clientId: string): Messages {
  return { ...thread, items: thread.items.filter((row) => !(row.pending && row.client_id === clientId)) };
}

/** The newest message that the server has; undefined: none is known. */
export function newest(thread: Messages): Row | undefined {
  const rows = confirmed(thread);
  return rows[rows.length - 1];
}

export function oldest(thread: Messages): Row | undefined {
  return thread.items.find((row) => !row.pending);
}
