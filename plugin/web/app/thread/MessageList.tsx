// SPDX-License-Identifier: GPL-3.0-or-later
// The messages, of which only those in sight are in the page. Rows stay where they are whatever arrives; at the end one
// stays at the end until one scrolls away from it oneself.
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "react";
import { isOwn } from "../../client/MessagingState";
import type { Messages } from "../../client/thread";
import type { Conversation, Message } from "../../client/types";
import { formatDay, plural, t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { useMessages } from "../hooks";
import { go, threadPath } from "../routes";
import { announce } from "../shared/announce";
import { previewOf } from "../shared/preview";
import { EmptyState, LoadingSpinner } from "../shared/small";
import { MessageItem } from "./MessageItem";
import { threadRows } from "./rows";

const AHEAD = 15;
const AT_END = 80; // pixels

type Properties = {
  conversation: Conversation;
  jumpTo: string | null;
  onReply: (message: Message) => void;
  onEdit: (message: Message) => void;
  onThread: (root: string) => void;
};

/** Where unread messages began when the conversation was opened. */
function useUnreadLine(conversation: Conversation): number | null {
  const [line] = useState(() => {
    const me = messenger.state.getState().me;
    const own = conversation.participants.find(({ user }) => user.id === me?.id);
    return conversation.unread_count > 0 && own ? own.last_read_seq : null;
  });
  return line;
}

/** The way to a row: how long it is depends on the rows that are measured on it, frame by frame. Until one is there nothing
 * may be put before the row, which is known by its number. */
function useWay(virtual: { scrollToIndex: (index: number, options: { align: "start" | "center" }) => void }) {
  const [isOnWay, setOnWay] = useState(false);
  const begin = useCallback(
    (index: number, align: "start" | "center") => {
      virtual.scrollToIndex(index, { align });
      setOnWay(true);
    },
    [virtual],
  );
  useEffect(() => {
    if (!isOnWay) return;
    let frame = 0;
    const look = () => {
      if (isScrollingTo(virtual)) frame = requestAnimationFrame(look);
      else setOnWay(false);
    };
    look();
    return () => cancelAnimationFrame(frame);
  }, [isOnWay, virtual]);
  return { isOnWay, begin };
}

/** Whether a row, or the end, is being scrolled to. The library keeps that to itself; without it nothing is waited for. */
function isScrollingTo(virtual: object): boolean {
  return !!(virtual as { scrollState?: unknown }).scrollState;
}

/** The keyboard of a phone, a longer draft, another width: who was at the end stays there. */
function useStay(
  scroller: RefObject<HTMLDivElement>,
  isShown: boolean,
  atEnd: boolean,
  virtual: { scrollToEnd: () => void },
): void {
  const stays = useRef(atEnd);
  stays.current = atEnd;
  useEffect(() => {
    const element = scroller.current;
    if (!isShown || !element) return;
    let before = `${element.clientWidth} ${element.clientHeight}`;
    const observer = new ResizeObserver(() => {
      const now = `${element.clientWidth} ${element.clientHeight}`;
      if (now !== before && stays.current) virtual.scrollToEnd();
      before = now;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, isShown, virtual]);
}

/** Reads out what is new, and tells that it was seen; the count may come later than the messages. */
function useSeen(id: string, thread: Messages, atEnd: boolean, unread: number): void {
  const me = useMessaging((state) => state.me);
  const newest = thread.items[thread.items.length - 1];
  const known = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (!newest || !thread.loaded) return;
    if (known.current && known.current !== newest.id && !isOwn(newest, me)) {
      announce(t("thread.announce", { name: newest.sender?.name ?? "", text: previewOf(newest) }));
    }
    known.current = newest.id;
    if (atEnd && !thread.hasNewer && unread > 0) messenger.see(id);
  }, [newest, thread.loaded, thread.hasNewer, atEnd, id, me, unread]);
  useEffect(() => {
    const look = () => {
      if (atEnd && !thread.hasNewer) messenger.see(id);
    };
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, [atEnd, thread.hasNewer, id]);
}

export function MessageList({ conversation, jumpTo, onReply, onEdit, onThread }: Properties) {
  const { id } = conversation;
  const { thread, loadOlder, loadNewer } = useMessages(id);
  const scroller = useRef<HTMLDivElement>(null);
  const line = useUnreadLine(conversation);
  const [hadUnread] = useState(conversation.unread_count > 0);
  const me = useMessaging((state) => state.me);
  const rows = useMemo(() => threadRows(thread.items, line, me), [thread.items, line, me]);
  const [atEnd, setAtEnd] = useState(true);
  const busy = useRef(false);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (rows[index]?.kind === "message" ? 56 : 40),
    getItemKey: (index) => rows[index]!.key,
    overscan: 10,
    anchorTo: "end",
    followOnAppend: !thread.hasNewer, // to the end of a piece one would go on and on, until all of it is loaded
    scrollEndThreshold: AT_END,
    paddingStart: 8,
    paddingEnd: 8,
  });
  const items = virtual.getVirtualItems();
  const first = items[0]?.index ?? 0;
  const last = items[items.length - 1]?.index ?? 0;
  const { isOnWay, begin } = useWay(virtual);

  const [pages, nextPage] = useReducer((n: number) => n + 1, 0);
  const fetchMore = useCallback(async (load: () => Promise<void>) => {
    if (busy.current) return;
    busy.current = true;
    const isLoaded = await load().then(
      () => true,
      () => false,
    );
    busy.current = false;
    if (isLoaded) nextPage(); // who is at the very beginning still needs more
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each page is looked behind, also where the rows in sight are the same
  useEffect(() => {
    if (!thread.loaded || isOnWay || items.length === 0) return;
    if (thread.hasOlder && first < AHEAD) void fetchMore(loadOlder);
    else if (thread.hasNewer && last > rows.length - AHEAD) void fetchMore(loadNewer);
  }, [thread, first, last, rows.length, items.length, isOnWay, fetchMore, loadOlder, loadNewer, pages]);

  // Opened: at the end, or at the line where unread messages begin, or at what was jumped to.
  const placed = useRef<string | null>(null);
  useLayoutEffect(() => {
    if (rows.length === 0 || placed.current === (jumpTo ?? "end")) return;
    if (!jumpTo && !thread.loaded) {
      virtual.scrollToEnd();
      return;
    }
    const target = rows.findIndex((row) =>
      jumpTo ? row.kind === "message" && row.message.id === jumpTo : row.kind === "unread",
    );
    if (jumpTo && target < 0) return;
    placed.current = jumpTo ?? "end";
    if (target >= 0) begin(target, jumpTo ? "center" : "start");
    else if (hadUnread && thread.hasNewer)
      begin(0, "start"); // nothing was ever read here
    else virtual.scrollToEnd();
    if (jumpTo) setTimeout(() => document.getElementById(`m-${jumpTo}`)?.focus(), 100);
  }, [rows, jumpTo, thread.loaded, thread.hasNewer, hadUnread, virtual, begin]);

  useStay(scroller, rows.length > 0, atEnd && !isOnWay, virtual);
  const unread = useMessaging((state) => state.unreadCounts[id] ?? 0);
  useSeen(id, thread, atEnd, unread);

  // Who says something wants to see it, wherever they were.
  const newest = thread.items[thread.items.length - 1];
  const said = newest?.pending ? newest.client_id : null;
  useLayoutEffect(() => {
    if (said) virtual.scrollToEnd();
  }, [said, virtual]);

  const toEnd = () => {
    placed.current = "end";
    if (jumpTo) go(threadPath(id), true);
    if (thread.hasNewer) void attempt(() => messenger.pages.loadNewest(id)).then(() => virtual.scrollToEnd());
    else virtual.scrollToEnd();
  };

  if (rows.length === 0) return thread.loaded ? <EmptyState title={t("thread.empty")} /> : <LoadingSpinner />;
  return (
    <div className="thread">
      <div
        ref={scroller}
        className="scroller"
        role="feed"
        aria-label={t("thread.messages")}
        aria-busy={!thread.loaded}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard (WCAG 2.1.1)
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          setAtEnd(scrollHeight - scrollTop - clientHeight < AT_END && !thread.hasNewer);
        }}
        onKeyDown={moveFocus}
      >
        <div className="content" style={{ height: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <div
                key={item.key}
                ref={virtual.measureElement}
                data-index={item.index}
                className="row"
                style={{ transform: `translateY(${item.start}px)` }}
              >
                {row.kind === "message" ? (
                  <MessageItem
                    message={row.message}
                    conversation={conversation}
                    isFirst={row.isFirst}
                    isLast={row.isLast}
                    position={row.number}
                    count={thread.hasOlder || thread.hasNewer ? -1 : thread.items.length}
                    onReply={onReply}
                    onEdit={onEdit}
                    onThread={onThread}
                  />
                ) : (
                  <p className={`divider ${row.kind}`}>
                    <span>{row.kind === "day" ? formatDay(row.when) : t("thread.unreadline")}</span>
                  </p>
                )}
              </div>
            );
          })}
        </div>
      </div>
      {atEnd ? null : (
        <button
          type="button"
          className="toend"
          onClick={toEnd}
          aria-label={unread > 0 ? plural("thread.new", unread) : t("thread.toend")}
        >
          <ArrowDown aria-hidden="true" />
          {unread > 0 ? plural("thread.new", unread) : null}
        </button>
      )}
    </div>
  );
}

/** Arrows go from message to message, as a feed has it. */
function moveFocus(event: KeyboardEvent<HTMLDivElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1, PageUp: -5, PageDown: 5 }[event.key];
  const articles = [...event.currentTarget.querySelectorAll<HTMLElement>("article")];
  const now = articles.indexOf(document.activeElement as HTMLElement);
  if (step === undefined || (now < 0 && event.target !== event.currentTarget)) return;
  const next =
    articles[now < 0 ? articles.length - 1 : Math.max(0, Math.min(articles.length - 1, now + step))];
  if (!next || (now >= 0 && next === articles[now])) return;
  event.preventDefault();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
