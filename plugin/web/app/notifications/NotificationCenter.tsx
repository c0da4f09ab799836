// SPDX-License-Identifier: GPL-3.0-or-later
// What waits for this person besides plain messages: who asks to talk, where they were mentioned, calls that they missed, and
// what was told in passing. What was looked at is not new any more; nothing is kept twice.
import { AtSign, Info, PhoneMissed, UserPlus, X } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { useStore } from "zustand";
import { titleOf } from "../../client/MessagingState";
import type { Call, Conversation } from "../../client/types";
import { formatWhen, plural, t } from "../../i18n";
import { attempt, messenger, useMessaging, useOffers } from "../client";
import { go, threadPath } from "../routes";
import { usePages } from "../shared/pages";
import { EmptyState, IconButton, LoadingSpinner, Screen } from "../shared/small";
import { useAnew } from "../shared/useAnew";
import { dismissNotice, type Notice, notices } from "../stores/notices";
import { DoNotDisturb } from "./DoNotDisturb";

export default function NotificationCenter() {
  return (
    <Screen title={t("notifications.title")}>
      <NotificationList />
      <DoNotDisturb />
      <section>
        <button type="button" onClick={() => go("/settings")}>
          {t("notifications.settings")}
        </button>
      </section>
    </Screen>
  );
}

/** The missed ones among CALLS, of which COUNT are new. */
export function newMissed(calls: Call[], count: number): Call[] {
  return calls.filter((call) => call.direction === "incoming" && call.status === "missed").slice(0, count);
}

function NotificationList() {
  const conversations = useMessaging((state) => state.conversations);
  const { requests, unread } = useMessaging((state) => state.lists);
  const totals = useMessaging((state) => state.totals);
  const me = useMessaging((state) => state.me);
  const hasCalls = useOffers("calls");
  const told = useStore(notices, (state) => state.items);
  const calls = usePages(["calls"], (before) => messenger.rest.calls(before), 0, hasCalls);
  useAnew(["calls"], ["call.ended", "call.declined", "call.ringing"]);
  useEffect(() => {
    for (const filter of ["requests", "unread"] as const)
      void attempt(() => messenger.loadList(filter, true));
  }, []);
  if (!requests.loaded || !unread.loaded || (hasCalls && calls.isPending)) return <LoadingSpinner />;
  const of = (ids: string[]) => ids.map((id) => conversations[id]).filter((found) => found !== undefined);
  const asking = of(requests.ids);
  const mentioned = of(unread.ids).filter((conversation) => conversation.unread_mentions > 0);
  const missed = newMissed(calls.items, totals?.missed_calls ?? 0);
  if (asking.length + mentioned.length + missed.length + told.length === 0)
    return <EmptyState title={t("notifications.none")} text={t("notifications.none.text")} />;
  const open = (conversation: Conversation) => go(threadPath(conversation.id));
  return (
    <section>
      <ul className="people">
        {asking.map((conversation) => (
          <Line
            key={conversation.id}
            icon={<UserPlus aria-hidden="true" />}
            text={t("notifications.request", { name: titleOf(conversation, me) })}
            at={conversation.last_message_at}
            onOpen={() => open(conversation)}
          />
        ))}
        {mentioned.map((conversation) => (
          <Line
            key={conversation.id}
            icon={<AtSign aria-hidden="true" />}
            text={plural("notifications.mention", conversation.unread_mentions, {
              name: titleOf(conversation, me),
            })}
            at={conversation.last_message_at}
            onOpen={() => open(conversation)}
          />
        ))}
        {missed.map((call) => (
          <Line
            key={call.id}
            icon={<PhoneMissed aria-hidden="true" />}
            text={t("notifications.missed", { name: call.caller?.name ?? "" })}
            at={call.created_at}
            onOpen={() => go(threadPath(call.conversation_id))}
          />
        ))}
        {told.map((notice) => (
          <Told key={notice.id} notice={notice} />
        ))}
      </ul>
    </section>
  );
}

function Told({ notice }: { notice: Notice }) {
  const { path } = notice;
  return (
    <Line
      icon={<Info aria-hidden="true" />}
      text={notice.text}
      at={notice.at}
      onOpen={path === null ? null : () => go(path)}
    >
      <IconButton
        label={`${t("notifications.dismiss")}: ${notice.text}`}
        onClick={() => dismissNotice(notice.id)}
      >
        <X />
      </IconButton>
    </Line>
  );
}

function Line({
  icon,
  text,
  at,
  onOpen,
  children,
}: {
  icon: ReactNode;
  text: string;
  at: string;
  onOpen: (() => void) | null;
  children?: ReactNode;
}) {
  const words = (
    <>
      {icon}
      <span className="text">
        <span dir="auto">{text}</span>
        <time className="preview" dateTime={at}>
          {formatWhen(at)}
        </time>
      </span>
    </>
  );
  return (
    <li>
      {onOpen ? (
        <button type="button" className="found" onClick={onOpen}>
          {words}
        </button>
      ) : (
        <span className="found">{words}</span>
      )}
      {children}
    </li>
  );
}
