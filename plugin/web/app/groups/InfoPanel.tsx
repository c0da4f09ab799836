// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of a conversation, and what can be set: for the group, and for oneself.
import { useQuery } from "@tanstack/react-query";
import { MoreVertical, X } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { otherOf, titleOf } from "../../client/MessagingState";
import { Problem } from "../../client/problem";
import type { Conversation, Participant, User } from "../../client/types";
import { type Key, plural, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging } from "../client";
import { go, threadPath } from "../routes";
import { ConversationExports } from "../settings/Exports";
import { readAnew } from "../shared/anew";
import { Menu, type MenuItem } from "../shared/Menu";
import { PeoplePicker } from "../shared/PeoplePicker";
import { MoreButton, usePages } from "../shared/pages";
import { IconButton } from "../shared/small";
import { durationText } from "../shared/times";
import { UserAvatar } from "../shared/UserAvatar";
import { useAnew } from "../shared/useAnew";
import { useEscape } from "../shared/useEscape";
import { presenceText, usePresence } from "../thread/ChatHeader";
import { FoundMessage } from "../thread/ConversationDialog";
import { Banned, GroupSettings, Permissions, Successor } from "./GroupSettings";

const ReportDialog = lazy(() => import("../thread/ReportDialog"));

export default function InfoPanel({
  conversation,
  onClose,
}: {
  conversation: Conversation;
  onClose: () => void;
}) {
  const me = useMessaging((state) => state.me);
  const other = otherOf(conversation, me);
  const presence = usePresence(other?.id);
  const name = titleOf(conversation, me);
  useEscape(onClose);
  return (
    <aside className="info" aria-label={t("info.title")}>
      <header>
        <h2>{t("info.title")}</h2>
        <IconButton label={t("close")} onClick={onClose}>
          <X />
        </IconButton>
      </header>
      <div className="body">
        <div className="head">
          <UserAvatar name={name} picture={other?.avatar_url ?? conversation.icon_url} size="large" />
          <bdi className="name">{name}</bdi>
          {other ? <bdi>{other.jid}</bdi> : null}
          {other ? (
            <span>{presenceText(presence)}</span>
          ) : (
            <span>{plural("thread.members", conversation.member_count)}</span>
          )}
          {other?.bio ? <p dir="auto">{other.bio}</p> : null}
          {conversation.description ? <p dir="auto">{conversation.description}</p> : null}
        </div>
        <OwnSettings conversation={conversation} />
        {other ? <Person conversation={conversation} other={other} /> : <Group conversation={conversation} />}
        <Gallery conversation={conversation} />
        <Starred conversation={conversation} />
        <ConversationExports id={conversation.id} />
      </div>
    </aside>
  );
}

/** What one does about somebody. */
function Person({ conversation, other }: { conversation: Conversation; other: User }) {
  const [reporting, setReporting] = useState(false);
  const key = ["restricted"];
  const { items: restricted } = usePages(key, (after) => messenger.rest.restricted(after), 0);
  useAnew(key, ["relation.updated"]);
  const isRestricted = restricted.some(({ user }) => user.id === other.id);
  const restrict = () =>
    void attempt(async () => {
      await messenger.rest.restrict(other.id, !isRestricted);
      await readAnew(queries, { queryKey: key });
    });
  return (
    <section className="buttons">
      <button type="button" aria-pressed={isRestricted} title={t("info.restrict.about")} onClick={restrict}>
        {t(isRestricted ? "info.unrestrict" : "info.restrict")}
      </button>
      <button
        type="button"
        className="danger"
        onClick={() =>
          void attempt(() =>
            conversation.blocked ? messenger.rest.unblock(other.id) : messenger.rest.block(other.id),
          )
        }
      >
        {t(conversation.blocked ? "info.unblock" : "info.block")}
      </button>
      <button type="button" className="danger" onClick={() => setReporting(true)}>
        {t("message.report")}
      </button>
      <p className="note">{t("info.restrict.about")}</p>
      <Suspense fallback={null}>
        {reporting ? (
          <ReportDialog
            what={{ user_id: other.id }}
            conversation={conversation.id}
            sender={other.id}
            onClose={() => setReporting(false)}
          />
        ) : null}
      </Suspense>
    </section>
  );
}

const TIMES = [0, 3600, 86_400, 604_800, 2_592_000];

const timeText = (seconds: number) => (seconds === 0 ? t("info.disappearing.off") : durationText(seconds));

function OwnSettings({ conversation }: { conversation: Conversation }) {
  const change = (changes: Record<string, unknown>) =>
    void attempt(() => messenger.updateConversation(conversation.id, changes));
  const times = TIMES.includes(conversation.disappearing_seconds)
    ? TIMES
    : [...TIMES, conversation.disappearing_seconds];
  return (
    <section>
      <label>
        {t("info.notify")}
        <select
          value={conversation.notify ?? "all"}
          onChange={(event) => change({ notify: event.target.value })}
        >
          {["all", "mentions", "none"].map((value) => (
            <option key={value} value={value}>
              {t(`info.notify.${value}` as Key)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("info.disappearing")}
        <select
          value={conversation.disappearing_seconds}
          onChange={(event) => change({ disappearing_seconds: Number(event.target.value) })}
        >
          {times.map((seconds) => (
            <option key={seconds} value={seconds}>
              {timeText(seconds)}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

function Group({ conversation }: { conversation: Conversation }) {
  const { id } = conversation;
  const me = useMessaging((state) => state.me);
  const [reporting, setReporting] = useState(false);
  const { items: all, more } = usePages(
    ["members", id, conversation.updated_at, conversation.member_count],
    (after, signal) => messenger.rest.members(id, { after, limit: 50 }, signal),
  );
  const own =
    all.find(({ user }) => user.id === me?.id) ??
    conversation.participants.find(({ user }) => user.id === me?.id);
  const manages = own?.role === "owner" || own?.role === "admin";
  const may = (permission: string) => manages || (own?.permissions ?? []).includes(permission);
  return (
    <>
      {may("change_settings") && !conversation.elsewhere ? (
        <GroupSettings conversation={conversation} />
      ) : null}
      <Members id={id} members={all} own={own} may={may} more={more} />
      {manages && !conversation.elsewhere ? <Banned id={id} /> : null}
      <Leaving
        id={id}
        others={all.filter(({ user, state }) => user.id !== me?.id && state === "joined")}
        mayEnd={own?.role === "owner" && !conversation.elsewhere}
      />
      <button type="button" className="danger" onClick={() => setReporting(true)}>
        {t("info.report")}
      </button>
      <Suspense fallback={null}>
        {reporting ? (
          <ReportDialog
            what={{ conversation_id: id }}
            conversation={id}
            onClose={() => setReporting(false)}
          />
        ) : null}
      </Suspense>
    </>
  );
}

type MembersProperties = {
  id: string;
  members: Participant[];
  own: Participant | undefined;
  may: (permission: string) => boolean;
  more: (() => void) | null;
};

function Members({ id, members, own, may, more }: MembersProperties) {
  const [adding, setAdding] = useState(false);
  const [permitting, setPermitting] = useState<Participant | null>(null);
  const refresh = () => readAnew(queries, { queryKey: ["members", id] });
  const run = (what: () => Promise<unknown>) =>
    void attempt(async () => {
      await what();
      await refresh();
    });
  return (
    <>
      <section>
        <h3>{t("info.members")}</h3>
        {may("add_members") ? (
          <button type="button" aria-expanded={adding} onClick={() => setAdding(!adding)}>
            {t("info.add")}
          </button>
        ) : null}
        {adding ? (
          <PeoplePicker
            onUser={(user) => run(() => messenger.rest.addMembers(id, [{ user_id: user.id }]))}
            onJid={(jid) => run(() => messenger.rest.addMembers(id, [{ jid }]))}
          />
        ) : null}
        <ul className="people">
          {members.map((member) => (
            <Member
              key={member.user.id}
              member={member}
              items={memberActions({ id, member, own, may, run, permit: setPermitting })}
            />
          ))}
        </ul>
        <MoreButton more={more} />
      </section>
      {permitting ? (
        <Permissions
          id={id}
          member={permitting}
          onClose={() => setPermitting(null)}
          onDone={() => void refresh()}
        />
      ) : null}
    </>
  );
}

/** To go, or to end the group. */
function Leaving({ id, others, mayEnd }: { id: string; others: Participant[]; mayEnd: boolean }) {
  const [asking, setAsking] = useState(false);
  const leave = (successor?: string) =>
    void attempt(async () => {
      try {
        await messenger.leaveGroup(id, successor);
        go("/", true);
      } catch (error) {
        if (!(error instanceof Problem && error.reason === "last_admin")) throw error;
        setAsking(true);
      }
    });
  const end = () =>
    void attempt(async () => {
      await messenger.endGroup(id);
      go("/", true);
    });
  return (
    <>
      <button
        type="button"
        className="danger"
        onClick={() => {
          if (confirm(t("info.leave.sure"))) leave();
        }}
      >
        {t("info.leave")}
      </button>
      {mayEnd ? (
        <button
          type="button"
          className="danger"
          onClick={() => {
            if (confirm(t("group.end.sure"))) end();
          }}
        >
          {t("group.end")}
        </button>
      ) : null}
      {asking ? <Successor members={others} onChoose={leave} onClose={() => setAsking(false)} /> : null}
    </>
  );
}

function Member({ member, items }: { member: Participant; items: MenuItem[] }) {
  const { user, role, state } = member;
  return (
    <li>
      <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
      <bdi className="name">{user.name}</bdi>
      {state === "invited" ? <span className="badge">{t("info.invited")}</span> : null}
      {role !== "member" ? <span className="badge">{t(`info.role.${role}`)}</span> : null}
      {items.length > 0 ? (
        <Menu label={`${t("menu")}: ${user.name}`} icon={<MoreVertical />} items={items} />
      ) : null}
    </li>
  );
}

type Acting = {
  id: string;
  member: Participant;
  own: Participant | undefined;
  may: (permission: string) => boolean;
  run: (what: () => Promise<unknown>) => void;
  permit: (member: Participant) => void;
};

function memberActions({ id, member, own, may, run, permit }: Acting): MenuItem[] {
  const { user, role } = member;
  if (!own || user.id === own.user.id || (role === "owner" && own.role !== "owner")) return [];
  const set = (changes: Parameters<typeof messenger.rest.setMember>[2]) =>
    run(() => messenger.rest.setMember(id, user.id, changes));
  const items: MenuItem[] = [];
  if (own.role === "owner") {
    const next = role === "admin" ? "member" : "admin";
    items.push({
      label: t(next === "admin" ? "info.makeadmin" : "info.makemember"),
      run: () => set({ role: next }),
    });
    items.push({ label: t("group.makeowner"), run: () => set({ role: "owner" }) });
  }
  if (own.role === "owner" || (own.role === "admin" && role === "member"))
    items.push({ label: t("group.permissions"), run: () => permit(member) });
  if (may("remove_members")) {
    items.push({
      label: t("info.remove"),
      danger: true,
      run: () => run(() => messenger.rest.removeMember(id, user.id)),
    });
  }
  if (own.role === "owner" || (own.role === "admin" && role === "member")) {
    items.push({
      label: t("group.ban"),
      danger: true,
      run: () => {
        if (!confirm(t("group.ban.sure", { name: user.name }))) return;
        run(async () => {
          await messenger.rest.setMember(id, user.id, { banned: true });
          await readAnew(queries, { queryKey: ["banned", id] });
        });
      },
    });
  }
  return items;
}

function Gallery({ conversation }: { conversation: Conversation }) {
  const { id } = conversation;
  const found = useQuery({
    queryKey: ["media", id, conversation.last_message_at],
    queryFn: () => messenger.rest.media(id, { kind: "image", limit: 24 }),
    retry: false,
  });
  const items = found.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section>
      <h3>{t("info.gallery")}</h3>
      <div className="gallery">
        {items.map(({ message_id, file }) => (
          <button
            key={file?.id}
            type="button"
            aria-label={file?.filename}
            onClick={() => go(threadPath(id, message_id))}
          >
            <img src={file?.thumbnail_url ?? file?.download_url ?? undefined} alt="" loading="lazy" />
          </button>
        ))}
      </div>
    </section>
  );
}

function Starred({ conversation }: { conversation: Conversation }) {
  const { items: here, more } = usePages(
    ["starred", conversation.id],
    (before) => messenger.rest.starred(before, conversation.id),
    0,
  );
  if (here.length === 0) return null;
  return (
    <section>
      <h3>{t("info.starred")}</h3>
      <ul className="people">
        {here.map((message) => (
          <FoundMessage key={message.id} message={message} />
        ))}
      </ul>
      <MoreButton more={more} />
    </section>
  );
}
