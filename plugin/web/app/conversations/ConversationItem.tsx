// SPDX-License-Identifier: GPL-3.0-or-later
import { AtSign, BellOff, MoreVertical, Pin } from "lucide-react";
import { memo } from "react";
import { isMuted, otherOf, titleOf } from "../../client/MessagingState";
import { formatNumber, formatWhen, plural, t } from "../../i18n";
import { useMessaging } from "../client";
import { go, threadPath } from "../routes";
import { Menu } from "../shared/Menu";
import { UserAvatar } from "../shared/UserAvatar";
import { useSwipe } from "../shared/useSwipe";
import { conversationActions, toggleArchived, toggleMuted } from "./actions";
import { MessagePreview } from "./MessagePreview";

export const ConversationItem = memo(function ConversationItem({
  id,
  isActive,
}: {
  id: string;
  isActive: boolean;
}) {
  const conversation = useMessaging((state) => state.conversations[id]);
  const me = useMessaging((state) => state.me);
  const unread = useMessaging((state) => state.unreadCounts[id] ?? 0);
  const other = conversation ? otherOf(conversation, me) : null;
  const presence = useMessaging((state) => (other ? state.onlineUsers[other.id] : undefined));
  const swipe = useSwipe({
    onStart: () => conversation && toggleArchived(conversation),
    onEnd: () => conversation && toggleMuted(conversation),
  });
  if (!conversation) return null;
  const name = titleOf(conversation, me);
  const shown = presence && presence.status !== "offline" ? (presence.away ? "away" : presence.status) : null;
  return (
    <div className={`item ${isActive ? "active" : ""} ${unread > 0 ? "unread" : ""}`} {...swipe}>
      <a
        href={threadPath(id)}
        aria-current={isActive ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          go(threadPath(id));
        }}
      >
        <UserAvatar name={name} picture={other?.avatar_url ?? conversation.icon_url} presence={shown} />
        <span className="text">
          <span className="top">
            <bdi className="name">{name}</bdi>
            {conversation.pinned ? <Pin className="mark" role="img" aria-label={t("list.pinned")} /> : null}
            {isMuted(conversation) ? (
              <BellOff className="mark" role="img" aria-label={t("list.muted")} />
            ) : null}
            <time dateTime={conversation.last_message_at}>{formatWhen(conversation.last_message_at)}</time>
          </span>
          <span className="bottom">
            <MessagePreview conversation={conversation} />
            {conversation.unread_mentions > 0 ? (
              <AtSign className="mark" role="img" aria-label={t("list.mentioned")} />
            ) : null}
            {unread > 0 ? (
              <span className="count" role="img" aria-label={plural("list.unread", unread)}>
                {conversation.unread_count > 0 ? formatNumber(Math.min(unread, 999)) : "•"}
              </span>
            ) : null}
          </span>
        </span>
      </a>
      <Menu
        label={`${t("menu")}: ${name}`}
        icon={<MoreVertical />}
        items={() => conversationActions(conversation)}
      />
    </div>
  );
});
