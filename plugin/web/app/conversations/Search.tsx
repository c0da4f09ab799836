// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { Search as SearchIcon, X } from "lucide-react";
import { titleOf } from "../../client/MessagingState";
import type { Conversation, Message } from "../../client/types";
import { formatWhen, t } from "../../i18n";
import { messenger, useMessaging, useOffers } from "../client";
import { go, threadPath } from "../routes";
import { MoreButton, usePages } from "../shared/pages";
import { previewOf } from "../shared/preview";
import { EmptyState, IconButton, LoadingSpinner } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { useDebounced } from "../shared/useDebounced";

export function SearchBar({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <search className="searchbar">
      <SearchIcon aria-hidden="true" />
      <input
        type="search"
        value={value}
        aria-label={t("list.search")}
        placeholder={t("search")}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") onChange("");
        }}
      />
      {value ? (
        <IconButton label={t("close")} onClick={() => onChange("")}>
          <X />
        </IconButton>
      ) : null}
    </search>
  );
}

export function SearchResults({ query }: { query: string }) {
  const q = useDebounced(query, 250);
  const found = useQuery({
    queryKey: ["search", "conversations", q],
    queryFn: ({ signal }) => messenger.rest.conversations({ q, limit: 10 }, signal),
  });
  const searchesMessages = useOffers("search");
  const messages = usePages(
    ["search", "messages", q],
    (before, signal) => messenger.rest.searchMessages({ q, before, limit: 20 }, signal),
    undefined,
    searchesMessages,
  );
  const hits = messages.items;
  const conversations = found.data?.items ?? [];
  if (found.isPending || messages.isPending) return <LoadingSpinner />;
  if (conversations.length + hits.length === 0) return <EmptyState title={t("list.empty.search")} />;
  return (
    <div className="rows results">
      {conversations.length > 0 ? <h2>{t("list.found.conversations")}</h2> : null}
      <ul>
        {conversations.map((conversation) => (
          <FoundConversation key={conversation.id} conversation={conversation} />
        ))}
      </ul>
      {hits.length > 0 ? <h2>{t("list.found.messages")}</h2> : null}
      <ul>
        {hits.map((message) => (
          <FoundMessage key={message.id} message={message} />
        ))}
      </ul>
      <MoreButton more={messages.more} />
    </div>
  );
}

function FoundConversation({ conversation }: { conversation: Conversation }) {
  const me = useMessaging((state) => state.me);
  const name = titleOf(conversation, me);
  return (
    <li>
      <button type="button" className="found" onClick={() => go(threadPath(conversation.id))}>
        <UserAvatar name={name} picture={conversation.icon_url} size="small" />
        <bdi>{name}</bdi>
      </button>
    </li>
  );
}

function FoundMessage({ message }: { message: Message }) {
  return (
    <li>
      <button
        type="button"
        className="found"
        onClick={() => go(threadPath(message.conversation_id, message.id))}
      >
        <span className="text">
          <span className="top">
            <bdi className="name">{message.sender?.name ?? ""}</bdi>
            <time dateTime={message.created_at}>{formatWhen(message.created_at)}</time>
          </span>
          <bdi className="preview">{previewOf(message)}</bdi>
        </span>
      </button>
    </li>
  );
}
