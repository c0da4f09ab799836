// SPDX-License-Identifier: GPL-3.0-or-later
import type { Conversation } from "../../client/types";
import { plural, t } from "../../i18n";
import { useMessaging } from "../client";
import { previewOf } from "../shared/preview";

/** Who types, what is drafted, or what was said last. */
export function MessagePreview({ conversation }: { conversation: Conversation }) {
  const typing = useMessaging((state) => state.typingUsers[conversation.id]);
  const me = useMessaging((state) => state.me);
  useMessaging((state) => (conversation.last_message?.message_type === "system" ? state.people : null));
  if (typing && typing.length > 0) {
    const names = conversation.participants
      .filter(({ user }) => typing.includes(user.id))
      .map(({ user }) => user.name);
    return <span className="preview typing">{plural("thread.typing", names.length || 1, { names })}</span>;
  }
  if (conversation.draft) {
    return (
      <span className="preview parts">
        <em>{t("list.draft")}</em> <bdi>{conversation.draft.content}</bdi>
      </span>
    );
  }
  const last = conversation.last_message;
  if (!last) return <span className="preview" />;
  const isGroup = conversation.type !== "direct";
  const sender = last.sender_id === me?.id ? t("you") : isGroup && last.sender ? last.sender.name : null;
  return (
    <span className="preview parts">
      {sender === null ? null : (
        <span className="whose">
          <bdi>{sender}</bdi>:{" "}
        </span>
      )}
      <bdi>{previewOf(last)}</bdi>
    </span>
  );
}
