// SPDX-License-Identifier: GPL-3.0-or-later
import { useVirtualizer } from "@tanstack/react-virtual";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { Filter } from "../../client/MessagingState";
import { t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { useRoute } from "../routes";
import { EmptyState, LoadingSpinner } from "../shared/small";
import { ConversationItem } from "./ConversationItem";
import { ConversationListHeader } from "./ConversationListHeader";
import { FilterTabs } from "./FilterTabs";
import { SearchBar, SearchResults } from "./Search";

const UserSearchModal = lazy(() => import("./UserSearchModal"));
const ROW = 72; // pixels, as the style sheet has it
const AHEAD = 15; // rows that are left when more are fetched

export function ConversationList() {
  const [filter, setFilter] = useState<Filter>("all");
  const [query, setQuery] = useState("");
  const [adding, setAdding] = useState(false);
  return (
    <nav className="list" aria-label={t("list.title")}>
      <ConversationListHeader onNew={() => setAdding(true)} />
      <SearchBar value={query} onChange={setQuery} />
      {query.trim() ? (
        <SearchResults query={query.trim()} />
      ) : (
        <>
          <FilterTabs filter={filter} onChange={setFilter} />
          <Rows filter={filter} />
        </>
      )}
      <Suspense fallback={null}>
        {adding ? <UserSearchModal onClose={() => setAdding(false)} /> : null}
      </Suspense>
    </nav>
  );
}

function Rows({ filter }: { filter: Filter }) {
  const list = useMessaging((state) => state.lists[filter]);
  const route = useRoute();
  const scroller = useRef<HTMLDivElement>(null);
  const active = route.name === "thread" ? route.id : null;
  const virtual = useVirtualizer({
    count: list.ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => list.ids[index]!,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const last = items[items.length - 1]?.index ?? 0;

  useEffect(() => {
    if (!messenger.state.getState().lists[filter].loaded)
      void attempt(() => messenger.loadList(filter, true));
  }, [filter]);
  useEffect(() => {
    if (list.loaded && list.hasMore && !list.loading && last >= list.ids.length - AHEAD)
      void attempt(() => messenger.loadList(filter));
  }, [filter, last, list]);

  if (list.ids.length === 0) {
    if (!list.loaded) return <LoadingSpinner />;
    return (
      <EmptyState
        title={t(`list.empty.${filter}`)}
        text={filter === "all" ? t("list.empty.all.text") : undefined}
      />
    );
  }
  return (
    <div className="rows" ref={scroller}>
      <ul style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => (
          <li
            key={item.key}
            style={{ transform: `translateY(${item.start}px)` }}
            aria-posinset={item.index + 1}
            aria-setsize={list.hasMore ? -1 : list.ids.length}
          >
            <ConversationItem id={list.ids[item.index]!} isActive={list.ids[item.index] === active} />
          </li>
        ))}
      </ul>
    </div>
  );
}
