// SPDX-License-Identifier: GPL-3.0-or-later
// Lists name each user once (view=compact): what is shown has them where they belong.
import type { Conversation, Page, User } from "./types";

export type CompactPage = { items: unknown[]; users?: User[]; has_more: boolean; next: string | null };
type Compact = {
  participant1: string | null;
  participant2: string | null;
  participants: { user: string }[];
  last_message: { sender: string | null } | null;
};

/** The page as it would be without view=compact. Of two items that name a user both have the same object. */
export function expandPage(page: CompactPage): Page<Conversation> {
  const { users, ...rest } = page;
  if (!users) return rest as Page<Conversation>;
  const byId = new Map(users.map((user) => [user.id, user]));
  const find = (id: string | null) => (id === null ? null : (byId.get(id) ?? null));
  const items = (page.items as Compact[]).map((item) => ({
    ...item,
    participant1: find(item.participant1),
    participant2: find(item.participant2),
    participants: item.participants.flatMap((participant) => {
      const user = find(participant.user);
      return user ? [{ ...participant, user }] : [];
    }),
    last_message: item.last_message && { ...item.last_message, sender: find(item.last_message.sender) },
  }));
  return { ...rest, items: items as unknown as Conversation[] };
}
