// SPDX-License-Identifier: GPL-3.0-or-later
import { lazy, Suspense, useEffect, useState } from "react";
import type { Message } from "../../client/types";
import { t } from "../../i18n";
import { explain, messenger, useMessaging } from "../client";
import { ChatInput } from "../composer/ChatInput";
import { go, goBack } from "../routes";
import { EmptyState, LoadingSpinner } from "../shared/small";
import { ChatHeader } from "./ChatHeader";
import { MessageList } from "./MessageList";
import { RequestBar } from "./RequestBar";
import { TypingIndicator } from "./TypingIndicator";

const ThreadPanel = lazy(() => import("./ThreadPanel"));
const InfoPanel = lazy(() => import("../groups/InfoPanel"));

export type ComposerMode =
  | { kind: "new" }
  | { kind: "reply"; message: Message }
  | { kind: "edit"; message: Message };

type Properties = { id: string; message: string | null; info: boolean };

export function ChatWindow({ id, message, info }: Properties) {
  const conversation = useMessaging((state) => state.conversations[id]);
  const [problem, setProblem] = useState<string | null>(null);
  const [mode, setMode] = useState<ComposerMode>({ kind: "new" });
  const [thread, setThread] = useState<string | null>(null);

  useEffect(() => {
    let gone = false;
    messenger
      .conversation(id)
      .then(() => messenger.openThread(id, message ?? undefined))
      .catch((error) => {
        if (!gone && !messenger.state.getState().messages[id]?.items.length) setProblem(explain(error));
      });
    return () => {
      gone = true;
    };
  }, [id, message]);

  if (!conversation) {
    if (!problem) return <LoadingSpinner />;
    return (
      <EmptyState title={problem}>
        <button type="button" onClick={goBack}>
          {t("back")}
        </button>
      </EmptyState>
    );
  }
  return (
    <div className="chat">
      <ChatHeader conversation={conversation} onThread={setThread} />
      <MessageList
        conversation={conversation}
        jumpTo={message}
        onReply={(m) => setMode({ kind: "reply", message: m })}
        onEdit={(m) => setMode({ kind: "edit", message: m })}
        onThread={setThread}
      />
      <TypingIndicator conversation={conversation} />
      {conversation.request === "pending" || conversation.blocked ? (
        <RequestBar conversation={conversation} />
      ) : (
        <ChatInput
          conversation={conversation}
          mode={mode}
          onDone={() => setMode({ kind: "new" })}
          onReply={(m) => setMode((now) => (now.kind === "new" ? { kind: "reply", message: m } : now))}
          onEditLast={() => editLast(id, setMode)}
        />
      )}
      {thread && !info ? (
        <Suspense fallback={null}>
          <ThreadPanel
            key={thread}
            conversation={conversation}
            root={thread}
            onClose={() => setThread(null)}
          />
        </Suspense>
      ) : null}
      {info ? (
        <Suspense fallback={null}>
          <InfoPanel conversation={conversation} onClose={() => go(`/c/${id}`, true)} />
        </Suspense>
      ) : null}
    </div>
  );
}

/** Arrow up in an empty composer: the last message of one's own. */
function editLast(id: string, setMode: (mode: ComposerMode) => void): void {
  const { messages, me } = messenger.state.getState();
  const own = (messages[id]?.items ?? []).filter(
    (row) => row.sender_id === me?.id && !row.pending && !row.deleted_at && row.message_type === "text",
  );
  const last = own[own.length - 1];
  if (last) setMode({ kind: "edit", message: last });
}
