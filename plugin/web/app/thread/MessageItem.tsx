// SPDX-License-Identifier: GPL-3.0-or-later
import {
  Check,
  CheckCheck,
  Clock,
  Forward,
  MoreHorizontal,
  Reply,
  SmilePlus,
  Star,
  TriangleAlert,
} from "lucide-react";
import { lazy, memo, Suspense, useState } from "react";
import { useStore } from "zustand";
import { isOwn } from "../../client/MessagingState";
import type { Row } from "../../client/thread";
import type { Conversation, Message } from "../../client/types";
import { formatFull, formatNumber, formatTime, plural, t } from "../../i18n";
import { attempt, explainCode, messenger, useMessaging, useOffers } from "../client";
import { go, threadPath } from "../routes";
import { Menu } from "../shared/Menu";
import { previewOf, previewOfQuote } from "../shared/preview";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { translationKey, translations } from "../stores/translations";
import { Attachments } from "./Attachments";
import { type MessageDialogName, messageActions } from "./actions";
import { MessageContent } from "./MessageContent";

const EmojiPicker = lazy(() => import("../composer/EmojiPicker"));
const ReportDialog = lazy(() => import("./ReportDialog"));
const FileOptions = lazy(() => import("./FileOptions"));
const MessageDialog = lazy(() => import("./MessageDialog"));

type Properties = {
  message: Row;
  conversation: Conversation;
  isFirst: boolean;
  isLast: boolean;
  position: number;
  count: number;
  onReply: (message: Message) => void;
  onEdit: (message: Message) => void;
  onThread: (root: string) => void;
};

export const MessageItem = memo(function MessageItem(properties: Properties) {
  const { message, conversation, isFirst, isLast, position, count, onReply, onEdit, onThread } = properties;
  const me = useMessaging((state) => state.me);
  const isStarred = useMessaging((state) => state.starred[message.id] ?? false);
  useMessaging((state) => (message.message_type === "system" ? state.people : null)); // whom it names
  const [dialog, setDialog] = useState<MessageDialogName | null>(null);
  useOffers("translation"); // the menu offers it, or does not
  useStore(translations, (all) => all[translationKey(message)]);
  const reacts = useOffers("reactions");
  const replies = useOffers("messages");
  const own = isOwn(message, me);
  const label = `${own ? t("you") : (message.sender?.name ?? "")}: ${previewOf(message)}, ${formatTime(message.created_at)}`;

  if (message.message_type === "system") {
    return (
      <article
        className="system"
        aria-label={previewOf(message)}
        aria-posinset={position}
        aria-setsize={count}
        tabIndex={-1}
        data-seq={message.seq}
        id={`m-${message.id}`}
      >
        <span>{previewOf(message)}</span>
      </article>
    );
  }
  const actions = () =>
    messageActions({ message, conversation, me, isStarred, onReply, onEdit, onThread, onDialog: setDialog });
  return (
    <article
      className={`message ${own ? "own" : ""} ${isFirst ? "first" : ""} ${isLast ? "last" : ""} ${message.pending ?? ""}`}
      aria-label={label}
      aria-posinset={position}
      aria-setsize={count}
      tabIndex={-1}
      data-seq={message.seq}
      id={`m-${message.id}`}
      onContextMenu={(event) => {
        const button = event.currentTarget.querySelector<HTMLButtonElement>(".menu > button");
        if (!button || window.getSelection()?.toString()) return;
        event.preventDefault();
        button.click();
      }}
    >
      <div className="line">
        {!own && conversation.type !== "direct" ? (
          <span className="face">
            {isLast ? (
              <UserAvatar
                name={message.sender?.name ?? "?"}
                picture={message.sender?.avatar_url}
                size="small"
              />
            ) : null}
          </span>
        ) : null}
        <div className="bubble">
          {isFirst && !own && conversation.type !== "direct" ? (
            <bdi className="sender">{message.sender?.name}</bdi>
          ) : null}
          {message.is_forwarded ? (
            <p className="note">
              <Forward aria-hidden="true" /> {t("thread.forwarded")}
            </p>
          ) : null}
          {message.quote ? <QuotedMessage message={message} conversation={conversation} /> : null}
          {message.attachments?.length && !message.deleted_at ? <Attachments message={message} /> : null}
          <MessageContent message={message} />
          {message.thread_id ? (
            <button type="button" className="plain" onClick={() => onThread(message.thread_id!)}>
              {t("threads.show")}
            </button>
          ) : null}
          <Footer message={message} own={own} isStarred={isStarred} />
          {message.pending === "failed" ? <Failed message={message} /> : null}
        </div>
        {!message.pending && !message.deleted_at ? (
          <div className="tools">
            {replies ? (
              <IconButton label={t("message.reply")} onClick={() => onReply(message)}>
                <Reply />
              </IconButton>
            ) : null}
            {reacts ? (
              <IconButton label={t("message.react")} onClick={() => setDialog("react")}>
                <SmilePlus />
              </IconButton>
            ) : null}
            <Menu label={t("message.actions")} icon={<MoreHorizontal />} items={actions} />
          </div>
        ) : null}
      </div>
      <Reactions message={message} />
      <Suspense fallback={null}>
        {dialog === "react" ? (
          <EmojiPicker
            onClose={() => setDialog(null)}
            onEmoji={(emoji) => {
              setDialog(null);
              void attempt(() => messenger.react(message, emoji));
            }}
          />
        ) : dialog === "report" ? (
          <ReportDialog what={{ message_id: message.id }} message={message} onClose={() => setDialog(null)} />
        ) : dialog === "files" ? (
          <FileOptions files={message.attachments} onClose={() => setDialog(null)} />
        ) : dialog ? (
          <MessageDialog what={dialog} message={message} onClose={() => setDialog(null)} />
        ) : null}
      </Suspense>
    </article>
  );
});

function QuotedMessage({ message, conversation }: { message: Message; conversation: Conversation }) {
  const quote = message.quote!;
  const sender = conversation.participants.find(({ user }) => user.id === quote.sender_id)?.user.name ?? "";
  const known = useMessaging((state) =>
    quote.message_type === "call"
      ? state.messages[conversation.id]?.items.find(({ id }) => id === quote.message_id)
      : undefined,
  );
  return (
    <button
      type="button"
      className="quote"
      onClick={() => go(threadPath(conversation.id, quote.message_id), true)}
    >
      <span className="hidden">{t("message.quoted")}</span>
      <bdi className="sender">{sender}</bdi>
      <bdi className="preview">{previewOfQuote(quote, known)}</bdi>
    </button>
  );
}

function Footer({ message, own, isStarred }: { message: Row; own: boolean; isStarred: boolean }) {
  return (
    <span className="footer">
      {isStarred ? <Star className="mark" role="img" aria-label={t("message.star")} /> : null}
      {message.is_edited && !message.deleted_at ? <span>{t("thread.edited")}</span> : null}
      <time dateTime={message.created_at} title={formatFull(message.created_at)}>
        {formatTime(message.created_at)}
      </time>
      {own ? <Status message={message} /> : null}
    </span>
  );
}

/** Text for those who hear it, a shape for those who see it; colour is never alone. */
function Status({ message }: { message: Row }) {
  if (message.pending === "failed" || message.status === "failed") {
    return <TriangleAlert className="mark" role="img" aria-label={t("thread.undelivered")} />;
  }
  if (message.pending)
    return (
      <Clock
        className="mark"
        role="img"
        aria-label={t(message.pending === "sending" ? "thread.sending" : "thread.queued")}
      />
    );
  if (message.status === "read")
    return <CheckCheck className="mark read" role="img" aria-label={t("thread.read")} />;
  if (message.status === "delivered")
    return <CheckCheck className="mark" role="img" aria-label={t("thread.delivered")} />;
  return <Check className="mark" role="img" aria-label={t("thread.sent")} />;
}

function Failed({ message }: { message: Row }) {
  return (
    <p className="failed" role="alert">
      {t("thread.failed", { reason: explainCode(message.failure ?? "") })}
      <button type="button" onClick={() => messenger.outbox.retry(message.client_id!)}>
        {t("retry")}
      </button>
      <button type="button" onClick={() => messenger.outbox.discard(message.client_id!)}>
        {t("discard")}
      </button>
    </p>
  );
}

function Reactions({ message }: { message: Row }) {
  if (message.reactions.length === 0) return null;
  return (
    <div className="reactions">
      {message.reactions.map((reaction) => (
        <button
          key={reaction.emoji}
          type="button"
          aria-pressed={reaction.me}
          aria-label={plural("message.reaction", reaction.count, { emoji: reaction.emoji })}
          onClick={() => void attempt(() => messenger.react(message, reaction.emoji))}
        >
          {reaction.emoji} {reaction.count > 1 ? formatNumber(reaction.count) : ""}
        </button>
      ))}
    </div>
  );
}
