// SPDX-License-Identifier: GPL-3.0-or-later
// What can be done to a conversation from the list: by its menu, by keyboard and by swiping.
import { Archive, ArchiveRestore, BellOff, BellRing, Mail, Pin, PinOff, Trash2 } from "lucide-react";
import { isMuted } from "../../client/MessagingState";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { attempt, messenger } from "../client";
import { goBack, routeNow } from "../routes";
import type { MenuItem } from "../shared/Menu";

function change(conversation: Conversation, changes: Record<string, unknown>): void {
  void attempt(() => messenger.updateConversation(conversation.id, changes));
}

export function toggleArchived(conversation: Conversation): void {
  change(conversation, { archived: !conversation.archived });
}

export function toggleMuted(conversation: Conversation): void {
  change(conversation, { muted_until: isMuted(conversation) ? null : "forever" });
}

function remove(conversation: Conversation): void {
  if (!confirm(t("list.delete.sure"))) return;
  void attempt(async () => {
    await messenger.removeConversation(conversation.id);
    const route = routeNow();
    if (route.name === "thread" && route.id === conversation.id) goBack();
  });
}

export function conversationActions(conversation: Conversation): MenuItem[] {
  const { pinned, archived } = conversation;
  const muted = isMuted(conversation);
  return [
    {
      label: t(pinned ? "list.unpin" : "list.pin"),
      icon: pinned ? <PinOff /> : <Pin />,
      run: () => change(conversation, { pinned: !pinned }),
    },
    {
      label: t(muted ? "list.unmute" : "list.mute"),
      icon: muted ? <BellRing /> : <BellOff />,
      run: () => toggleMuted(conversation),
    },
    { label: t("list.markunread"), icon: <Mail />, run: () => change(conversation, { unread: true }) },
    {
      label: t(archived ? "list.unarchive" : "list.archive"),
      icon: archived ? <ArchiveRestore /> : <Archive />,
      run: () => toggleArchived(conversation),
    },
    { label: t("list.delete"), icon: <Trash2 />, danger: true, run: () => remove(conversation) },
  ];
}
