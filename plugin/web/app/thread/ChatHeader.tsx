// SPDX-License-Identifier: GPL-3.0-or-later

import { useQuery } from "@tanstack/react-query";
import {
  ArrowLeft,
  CalendarClock,
  CalendarDays,
  Images,
  Info,
  MessagesSquare,
  MoreVertical,
  Search,
} from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { otherOf, titleOf } from "../../client/MessagingState";
import type { Conversation, Presence } from "../../client/types";
import { formatFull, plural, t } from "../../i18n";
import { CallInitiationButtons } from "../calls/CallInitiationButtons";
import { messenger, queries, useMessaging, useOffers } from "../client";
import { go, goBack } from "../routes";
import { Menu, type MenuItem } from "../shared/Menu";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import type { ConversationDialogName } from "./ConversationDialog";

const ScheduleDialog = lazy(() => import("../composer/ScheduleDialog"));
const ConversationDialog = lazy(() => import("./ConversationDialog"));

export function presenceText(presence: Presence | undefined): string {
  if (!presence) return "";
  if (presence.status === "offline") {
    return presence.last_seen_at
      ? t("thread.lastseen", { time: formatFull(presence.last_seen_at) })
      : t("thread.offline");
  }
  return presence.away ? t("thread.away") : t(`thread.${presence.status}`);
}

/** What the socket has told, or what the server knows. */
export function usePresence(user: string | undefined): Presence | undefined {
  const told = useMessaging((state) => (user ? state.onlineUsers[user] : undefined));
  const asked = useQuery(
    {
      queryKey: ["presence", user],
      queryFn: () => messenger.rest.presence(user!),
      enabled: !!user && !told,
      staleTime: 30_000,
      retry: false,
    },
    queries,
  );
  return told ?? asked.data;
}

type Properties = { conversation: Conversation; onThread: (root: string) => void };

export function ChatHeader({ conversation, onThread }: Properties) {
  const me = useMessaging((state) => state.me);
  const other = otherOf(conversation, me);
  const presence = usePresence(other?.id);
  const name = titleOf(conversation, me);
  const { elsewhere } = conversation;
  const below = other
    ? presenceText(presence)
    : elsewhere && elsewhere.state !== "in"
      ? t(elsewhere.problem ? "group.notentered" : "group.entering", { problem: elsewhere.problem ?? "" })
      : elsewhere?.subject ||
        plural("thread.members", conversation.member_count || conversation.participants.length);
  const shown = presence && presence.status !== "offline" ? (presence.away ? "away" : presence.status) : null;
  return (
    <header className="chatheader">
      <IconButton label={t("back")} onClick={goBack} className="onlynarrow">
        <ArrowLeft />
      </IconButton>
      <button type="button" className="who" onClick={() => go(`/c/${conversation.id}/info`)}>
        <UserAvatar
          name={name}
          picture={other?.avatar_url ?? conversation.icon_url}
          presence={shown}
          size="small"
        />
        <span className="text">
          <bdi className="name">{name}</bdi>
          <span className="preview">{below}</span>
        </span>
      </button>
      {other ? (
        <CallInitiationButtons
          conversation={conversation}
          name={name}
          isOffline={other.kind === "hosted" && presence?.status === "offline"}
        />
      ) : null}
      <IconButton
        label={t("info.title")}
        className="notnarrow"
        onClick={() => go(`/c/${conversation.id}/info`)}
      >
        <Info />
      </IconButton>
      <OptionsMenu conversation={conversation} onThread={onThread} />
    </header>
  );
}

function OptionsMenu({ conversation, onThread }: Properties) {
  const [dialog, setDialog] = useState<ConversationDialogName | "schedule" | null>(null);
  const searches = useOffers("search");
  const close = () => setDialog(null);
  const items: (MenuItem | null)[] = [
    { label: t("info.title"), icon: <Info />, run: () => go(`/c/${conversation.id}/info`) },
    searches ? { label: t("thread.search"), icon: <Search />, run: () => setDialog("search") } : null,
    { label: t("thread.todate"), icon: <CalendarDays />, run: () => setDialog("date") },
    { label: t("thread.media"), icon: <Images />, run: () => setDialog("media") },
    { label: t("threads.title"), icon: <MessagesSquare />, run: () => setDialog("threads") },
    { label: t("schedule.list"), icon: <CalendarClock />, run: () => setDialog("schedule") },
  ];
  return (
    <>
      <Menu
        label={t("thread.options")}
        icon={<MoreVertical />}
        items={items.filter((item) => item !== null)}
      />
      <Suspense fallback={null}>
        {dialog === "schedule" ? (
          <ScheduleDialog conversation={conversation} message={null} onDone={() => {}} onClose={close} />
        ) : dialog ? (
          <ConversationDialog what={dialog} conversation={conversation} onClose={close} onThread={onThread} />
        ) : null}
      </Suspense>
    </>
  );
}
