// SPDX-License-Identifier: GPL-3.0-or-later
// One thread of a conversation: what was said in it, oldest first, and a line to say more.
import { useQuery } from "@tanstack/react-query";
import { SendHorizontal, X } from "lucide-react";
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Row } from "../../client/thread";
import type { Conversation, Message, Thread } from "../../client/types";
import { formatTime, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging, useOffers } from "../client";
import { readAnew, takeTold } from "../shared/anew";
import { MoreButton, usePages } from "../shared/pages";
import { IconButton, LoadingSpinner } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { useEscape } from "../shared/useEscape";
import { Attachments } from "./Attachments";
import { MessageContent } from "./MessageContent";

type Properties = { conversation: Conversation; root: string; onClose: () => void };

export default function ThreadPanel({ conversation, root, onClose }: Properties) {
  const key = ["thread", root];
  const rootKey = ["message", root];
  const rootMessage = useQuery({ queryKey: rootKey, queryFn: () => messenger.rest.message(root) });
  const { items, isPending, more } = usePages(key, (after) => messenger.rest.thread(root, after), 0);
  const pending = useMessaging((state) => state.messages[conversation.id]?.items ?? NONE).filter(
    (row) => row.thread_id === root && row.pending,
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: the keys are made of the root
  useEffect(() => {
    const anew = (payload: unknown) => {
      const told = payload as Partial<Message & Thread> & { message_id?: string };
      if ((told.message_id ?? told.id) === root) void readAnew(queries, { queryKey: rootKey });
      // Of one that is deleted it is not said where it was.
      if (told.message_id || told.thread_id === root || told.parent_message_id === root)
        void readAnew(queries, { queryKey: key });
    };
    const types = ["message.new", "message.updated", "message.deleted", "thread.updated"];
    const ends = types.map((type) => messenger.socket.on(type, ({ payload }) => anew(payload)));
    return () => {
      for (const end of ends) end();
    };
  }, [root]);
  useEscape(onClose);
  const shown =
    items.some(({ id }) => id === root) || !rootMessage.data ? items : [rootMessage.data, ...items];
  return (
    <aside className="info threadpanel" aria-label={t("threads.one")}>
      <header>
        <h2>{t("threads.one")}</h2>
        <IconButton label={t("close")} onClick={onClose}>
          <X />
        </IconButton>
      </header>
      <div className="body">
        <About conversation={conversation} root={root} />
        {isPending ? <LoadingSpinner /> : null}
        <ol className="said" aria-label={t("thread.messages")}>
          {[...shown, ...pending].map((message) => (
            <Said key={message.client_id ?? message.id} message={message} />
          ))}
        </ol>
        <MoreButton more={more} />
      </div>
      <Answer conversation={conversation} root={root} />
    </aside>
  );
}

const NONE: Row[] = [];

function Said({ message }: { message: Row }) {
  return (
    <li className={message.pending ?? ""}>
      <UserAvatar name={message.sender?.name ?? "?"} picture={message.sender?.avatar_url} size="small" />
      <div className="text">
        <span className="top">
          <bdi className="name">{message.sender?.name}</bdi>
          <time dateTime={message.created_at}>{formatTime(message.created_at)}</time>
        </span>
        {message.attachments?.length && !message.deleted_at ? <Attachments message={message} /> : null}
        <MessageContent message={message} />
      </div>
    </li>
  );
}

/** What it is called, and whether it is done with; once there is a thread. */
function About({ conversation, root }: { conversation: Conversation; root: string }) {
  const key = ["threads", conversation.id, "about", root];
  const found = useQuery({
    queryKey: key,
    queryFn: async () => {
      const page = await messenger.rest.threads(conversation.id);
      return page.items.find(({ parent_message_id }) => parent_message_id === root) ?? null;
    },
    staleTime: 0,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is made of these
  useEffect(
    () =>
      messenger.socket.on("thread.updated", ({ payload }) => {
        const thread = payload as Thread;
        if (thread.parent_message_id === root) takeTold(queries, key, thread);
      }),
    [conversation.id, root],
  );
  const [topic, setTopic] = useState<string | null>(null);
  const thread = found.data;
  if (!thread) return null;
  const change = (changes: { topic?: string | null; is_resolved?: boolean }) =>
    void attempt(async () => {
      takeTold(queries, key, await messenger.rest.updateThread(thread.id, changes));
      setTopic(null);
    });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change({ topic: (topic ?? "").trim() || null });
      }}
    >
      <label>
        {t("threads.topic")}
        <input
          value={topic ?? thread.topic ?? ""}
          maxLength={200}
          dir="auto"
          onChange={(event) => setTopic(event.target.value)}
        />
      </label>
      <div className="buttons">
        {topic !== null ? <button type="submit">{t("save")}</button> : null}
        <button
          type="button"
          aria-pressed={thread.is_resolved}
          onClick={() => change({ is_resolved: !thread.is_resolved })}
        >
          {t(thread.is_resolved ? "threads.reopen" : "threads.resolve")}
        </button>
      </div>
    </form>
  );
}

function Answer({ conversation, root }: { conversation: Conversation; root: string }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const writes = useOffers("messages");
  useEffect(() => field.current?.focus(), []);
  const send = (event?: FormEvent) => {
    event?.preventDefault();
    const content = text.trim();
    if (!content || !writes) return;
    messenger.send(conversation.id, { content, thread_id: root });
    setText("");
  };
  if (!writes || conversation.blocked || conversation.request === "pending") return null;
  return (
    <form className="composer" onSubmit={send}>
      <div className="line">
        <textarea
          ref={field}
          rows={2}
          dir="auto"
          value={text}
          aria-label={t("threads.answer")}
          placeholder={t("threads.answer")}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
            if (event.keyCode === 229 || matchMedia("(pointer: coarse)").matches) return;
            event.preventDefault();
            send();
          }}
        />
        <button type="submit" className="icon send" aria-label={t("threads.send")} disabled={!text.trim()}>
          <SendHorizontal aria-hidden="true" />
        </button>
      </div>
    </form>
  );
}
