// SPDX-License-Identifier: GPL-3.0-or-later
// Who has read a message, what it said before, and where to forward it.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { titleOf } from "../../client/MessagingState";
import type { Message } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { useConversations } from "../hooks";
import { Dialog, LoadingSpinner } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";

type Properties = { message: Message; onClose: () => void };

export default function MessageDialog({
  what,
  ...properties
}: Properties & { what: "info" | "history" | "forward" }) {
  if (what === "info") return <Receipts {...properties} />;
  if (what === "history") return <Versions {...properties} />;
  return <ForwardTo {...properties} />;
}

function Receipts({ message, onClose }: Properties) {
  const receipts = useQuery({
    queryKey: ["receipts", message.id],
    queryFn: () => messenger.rest.receipts(message.id),
    staleTime: 0,
  });
  return (
    <Dialog title={t("message.info")} onClose={onClose}>
      {receipts.isPending ? <LoadingSpinner /> : null}
      <ul className="people">
        {receipts.data?.items.map((receipt) => (
          <li key={receipt.user.id}>
            <UserAvatar name={receipt.user.name} picture={receipt.user.avatar_url} size="small" />
            <bdi className="name">{receipt.user.name}</bdi>
            <span>
              {receipt.read_at
                ? `${t("thread.read")} ${formatFull(receipt.read_at)}`
                : receipt.delivered_at
                  ? `${t("thread.delivered")} ${formatFull(receipt.delivered_at)}`
                  : t("thread.sent")}
            </span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function Versions({ message, onClose }: Properties) {
  const history = useQuery({
    queryKey: ["history", message.id, message.edited_at],
    queryFn: () => messenger.rest.history(message.id),
  });
  return (
    <Dialog title={t("message.history")} onClose={onClose}>
      {history.isPending ? <LoadingSpinner /> : null}
      <ol>
        {history.data?.items.map((version) => (
          <li key={version.created_at}>
            <time dateTime={version.created_at}>{formatFull(version.created_at)}</time>
            <p dir="auto">{version.content}</p>
          </li>
        ))}
      </ol>
    </Dialog>
  );
}

const FORWARD_MAX = 5;

function ForwardTo({ message, onClose }: Properties) {
  const me = useMessaging((state) => state.me);
  const { conversations } = useConversations();
  const [chosen, setChosen] = useState<string[]>([]);
  const toggle = (id: string) =>
    setChosen(
      chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-FORWARD_MAX),
    );
  const send = () =>
    void attempt(async () => {
      await messenger.forward(message, chosen);
      onClose();
    });
  return (
    <Dialog title={t("forward.title")} onClose={onClose}>
      <ul className="people">
        {conversations.map((conversation) => (
          <li key={conversation.id}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(conversation.id)}
                onChange={() => toggle(conversation.id)}
              />
              <UserAvatar name={titleOf(conversation, me)} picture={conversation.icon_url} size="small" />
              <bdi className="name">{titleOf(conversation, me)}</bdi>
            </label>
          </li>
        ))}
      </ul>
      <button type="button" className="primary" disabled={chosen.length === 0} onClick={send}>
        {t("composer.send")}
      </button>
    </Dialog>
  );
}
