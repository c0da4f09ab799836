// SPDX-License-Identifier: GPL-3.0-or-later
// Conversations follow the messages that come. Answers of REST and events of the socket overtake each other: an answer
// may be of a time before messages that were here before it.
import { isOwn } from "./MessagingState";
import type { Messages } from "./thread";
import type { Conversation, Message, User } from "./types";

function isAnsweredCall(message: Message): boolean {
  const status = (message.metadata as { status?: string } | null)?.status;
  return message.message_type === "call" && (status === "active" || status === "ended");
}

/** Whether the message counts as unread until ME has read it. */
export function isToBeRead(message: Message, me: User | null): boolean {
  return !isOwn(message, me) && message.message_type !== "system" && !isAnsweredCall(message);
}

/** The conversation once the message has come; itself if it had it already. `isSeen`: it does not count as unread. */
export function withMessage(
  conversation: Conversation,
  message: Message,
  me: User | null,
  isSeen = false,
): Conversation {
  const before = conversation.last_message;
  if (before && before.seq >= message.seq) return conversation;
  const own = isOwn(message, me);
  const counts = !isSeen && isToBeRead(message, me);
  return {
    ...conversation,
    last_message: message,
    last_message_at: message.created_at,
    // A message of another device's says nothing of what was read; a mark does. It takes "unread, again" back.
    unread_count: conversation.unread_count + (counts ? 1 : 0),
    marked_unread: conversation.marked_unread && !own,
  };
}

/** What an event says of messages that are shown, or of a conversation; the same once more changes nothing. */
export type Change = (thread: Messages) => Messages;
export type Patch = (conversation: Conversation) => Conversation;

/** What came by the socket while something was being asked for. */
export interface Came {
  messages: Message[];
  changes: { conversation: string; change: Change }[]; // in the order in which they were told
  patches: { conversation: string; patch: Patch }[];
  conversations: Set<string>; // those that were told whole
}

export class Arrivals {
  private readonly asked = new Set<Came>();

  message(message: Message): void {
    for (const came of this.asked) came.messages.push(message);
  }

  change(conversation: string, change: Change): void {
    for (const came of this.asked) came.changes.push({ conversation, change });
  }

  patch(conversation: string, patch: Patch): void {
    for (const came of this.asked) came.patches.push({ conversation, patch });
  }

  conversation(id: string): void {
    for (const came of this.asked) came.conversations.add(id);
  }

  async during<T>(answer: Promise<T>): Promise<{ answer: T; came: Came }> {
    const came: Came = { messages: [], changes: [], patches: [], conversations: new Set() };
    this.asked.add(came);
    try {
      return { answer: await answer, came };
    } finally {
      this.asked.delete(came);
    }
  }
}
