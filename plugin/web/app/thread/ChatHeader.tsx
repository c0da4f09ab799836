// SPDX-License-Identifier: GPL-3.0-or-later

import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, Info } from "lucide-react";
import { otherOf, titleOf } from "../../client/MessagingState";
import type { Conversation, Presence } from "../../client/types";
import { formatFull, plural, t } from "../../i18n";
import { CallInitiationButtons } from "../calls/CallInitiationButtons";
import { messenger, queries, useMessaging } from "../client";
import { go, goBack } from "../routes";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";

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

export function ChatHeader({ conversation }: { conversation: Conversation }) {
  const me = useMessaging((state) => state.me);
  const other = otherOf(conversation, me);
  const presence = usePresence(other?.id);
  const name = titleOf(conversation, me);
  const below = other
    ? presenceText(presence)
    : plural("thread.members", conversation.member_count || conversation.participants.length);
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
      <IconButton label={t("info.title")} onClick={() => go(`/c/${conversation.id}/info`)}>
        <Info />
      </IconButton>
    </header>
  );
}
