// SPDX-License-Identifier: GPL-3.0-or-later
// What one looks for in a conversation, from its menu.
import { useQuery } from "@tanstack/react-query";
import { CheckCircle2, Download, ExternalLink, FileIcon, Play } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Conversation, MediaItem, MediaKind, Message, Thread } from "../../client/types";
import { formatWhen, type Key, plural, t } from "../../i18n";
import { attempt, messenger } from "../client";
import { go, threadPath } from "../routes";
import { hostOf, isWeb } from "../shared/links";
import { MoreButton, usePages } from "../shared/pages";
import { previewOf } from "../shared/preview";
import { Dialog, LoadingSpinner } from "../shared/small";
import { useDebounced } from "../shared/useDebounced";

export type ConversationDialogName = "date" | "search" | "media" | "threads";
type Properties = {
  conversation: Conversation;
  onClose: () => void;
  onThread: (root: string) => void;
};

export default function ConversationDialog({
  what,
  ...properties
}: Properties & { what: ConversationDialogName }) {
  if (what === "date") return <GoToDate {...properties} />;
  if (what === "search") return <SearchHere {...properties} />;
  if (what === "media") return <MediaHere {...properties} />;
  return <ThreadsHere {...properties} />;
}

const dayOf = (when: Date) =>
  [when.getFullYear(), when.getMonth() + 1, when.getDate()].map((n) => String(n).padStart(2, "0")).join("-");

/** Days are those of the person's own zone. */
function GoToDate({ conversation, onClose }: Properties) {
  const today = dayOf(new Date());
  const [day, setDay] = useState(today);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      const found = await messenger.pages.jumpTo(conversation.id, new Date(`${day}T00:00:00`));
      onClose();
      if (found) go(threadPath(conversation.id, found), true);
    });
  };
  return (
    <Dialog title={t("thread.todate")} onClose={onClose}>
      <form onSubmit={submit}>
        <label>
          {t("thread.todate.day")}
          <input
            type="date"
            value={day}
            min={dayOf(new Date(conversation.created_at))}
            max={today}
            required
            onChange={(event) => setDay(event.target.value)}
          />
        </label>
        <button type="submit" className="primary">
          {t("thread.todate.go")}
        </button>
      </form>
    </Dialog>
  );
}

/** A message as a line that leads to it. */
export function FoundMessage({ message, onChoose }: { message: Message; onChoose?: () => void }) {
  return (
    <li>
      <button
        type="button"
        className="found"
        onClick={() => {
          onChoose?.();
          go(threadPath(message.conversation_id, message.id));
        }}
      >
        <span className="text">
          <span className="top">
            <bdi className="name">{message.sender?.name}</bdi>
            <time dateTime={message.created_at}>{formatWhen(message.created_at)}</time>
          </span>
          <bdi className="preview">{previewOf(message)}</bdi>
        </span>
      </button>
    </li>
  );
}

function SearchHere({ conversation, onClose }: Properties) {
  const [text, setText] = useState("");
  const q = useDebounced(text.trim(), 250);
  const found = usePages(
    ["search", "here", conversation.id, q],
    (before, signal) =>
      messenger.rest.searchMessages({ q, conversation_id: conversation.id, before, limit: 20 }, signal),
    undefined,
    q !== "",
  );
  return (
    <Dialog title={t("thread.search")} onClose={onClose}>
      <label>
        {t("thread.search.words")}
        <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
      </label>
      {found.isPending ? <LoadingSpinner /> : null}
      <p role="status" className={found.items.length > 0 ? "hidden" : ""}>
        {q && !found.isPending ? plural("thread.search.found", found.items.length) : ""}
      </p>
      <ul className="people">
        {found.items.map((message) => (
          <FoundMessage key={message.id} message={message} onChoose={onClose} />
        ))}
      </ul>
      <MoreButton more={found.more} />
    </Dialog>
  );
}

const KINDS: MediaKind[] = ["image", "video", "voice", "file", "link"];

function MediaHere({ conversation, onClose }: Properties) {
  const [kind, setKind] = useState<MediaKind>("image");
  const { items, isPending, more } = usePages(
    ["media", conversation.id, kind, conversation.last_message_at],
    (before) => messenger.rest.media(conversation.id, { kind, before, limit: 48 }),
  );
  const isPictures = kind === "image" || kind === "video";
  const jump = ({ message_id }: MediaItem) => {
    onClose();
    go(threadPath(conversation.id, message_id));
  };
  return (
    <Dialog title={t("thread.media")} onClose={onClose}>
      <label>
        {t("thread.media.kind")}
        <select value={kind} onChange={(event) => setKind(event.target.value as MediaKind)}>
          {KINDS.map((name) => (
            <option key={name} value={name}>
              {t(`thread.media.${name}` as Key)}
            </option>
          ))}
        </select>
      </label>
      {isPending ? <LoadingSpinner /> : null}
      {!isPending && items.length === 0 ? <p role="status">{t("thread.media.none")}</p> : null}
      {isPictures ? (
        <div className="gallery">
          {items.map((item) => (
            <button
              key={`${item.message_id} ${item.file?.id}`}
              type="button"
              aria-label={item.file?.filename}
              onClick={() => jump(item)}
            >
              {item.file?.thumbnail_url ? (
                <img src={item.file.thumbnail_url} alt="" loading="lazy" />
              ) : (
                <FileIcon aria-hidden="true" />
              )}
              {kind === "video" ? <Play className="play" aria-hidden="true" /> : null}
            </button>
          ))}
        </div>
      ) : (
        <ul className="people">
          {items.map((item) => (
            <MediaLine
              key={`${item.message_id} ${item.file?.id ?? item.url}`}
              item={item}
              onShow={() => jump(item)}
            />
          ))}
        </ul>
      )}
      <MoreButton more={more} />
    </Dialog>
  );
}

/** A sound, a file or a link, and the way to its message. */
function MediaLine({ item, onShow }: { item: MediaItem; onShow: () => void }) {
  return (
    <li>
      {item.url && isWeb(item.url) ? (
        <a href={item.url} target="_blank" rel="noopener noreferrer nofollow" className="found">
          <ExternalLink aria-hidden="true" />
          <span className="text">
            <bdi className="name">{hostOf(item.url)}</bdi>
            <bdi className="preview">{item.url}</bdi>
          </span>
        </a>
      ) : (
        <span className="text">
          <bdi className="name">{item.file?.filename}</bdi>
        </span>
      )}
      {item.file?.download_url ? (
        <a
          className="button"
          href={item.file.download_url}
          download={item.file.filename}
          aria-label={`${t("file.save")}: ${item.file.filename}`}
        >
          <Download aria-hidden="true" />
        </a>
      ) : null}
      <button type="button" onClick={onShow}>
        {t("thread.show")}
      </button>
    </li>
  );
}

function ThreadsHere({ conversation, onClose, onThread }: Properties) {
  const { items, isPending, more } = usePages(
    ["threads", conversation.id, conversation.last_message_at],
    (before) => messenger.rest.threads(conversation.id, before),
    0,
  );
  return (
    <Dialog help="threads" title={t("threads.title")} onClose={onClose}>
      {isPending ? <LoadingSpinner /> : null}
      {!isPending && items.length === 0 ? <p role="status">{t("threads.none")}</p> : null}
      <ul className="people">
        {items.map((thread) => (
          <ThreadLine
            key={thread.id}
            thread={thread}
            onOpen={() => {
              onClose();
              onThread(thread.parent_message_id);
            }}
          />
        ))}
      </ul>
      <MoreButton more={more} />
    </Dialog>
  );
}

function ThreadLine({ thread, onOpen }: { thread: Thread; onOpen: () => void }) {
  const root = useQuery({
    queryKey: ["message", thread.parent_message_id],
    queryFn: () => messenger.rest.message(thread.parent_message_id),
    enabled: !thread.topic,
  });
  return (
    <li>
      <button type="button" className="found" onClick={onOpen}>
        {thread.is_resolved ? <CheckCircle2 role="img" aria-label={t("threads.resolved")} /> : null}
        <span className="text">
          <span className="top">
            <bdi className="name">{thread.topic ?? (root.data ? previewOf(root.data) : "…")}</bdi>
            <time dateTime={thread.last_message_at}>{formatWhen(thread.last_message_at)}</time>
          </span>
          <span className="preview">{plural("threads.messages", thread.message_count)}</span>
        </span>
      </button>
    </li>
  );
}
