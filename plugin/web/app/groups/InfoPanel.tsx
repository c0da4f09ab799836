// SPDX-License-Identifier: GPL-3.0-or-later
// What is known of a conversation, and what can be set: for the group, and for oneself.
import { useQuery } from "@tanstack/react-query";
import { MoreVertical, X } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { otherOf, titleOf } from "../../client/MessagingState";
import type { Conversation, Participant } from "../../client/types";
import { formatWhen, type Key, plural, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging } from "../client";
import { go, threadPath } from "../routes";
import { Menu, type MenuItem } from "../shared/Menu";
import { PeoplePicker } from "../shared/PeoplePicker";
import { MoreButton, usePages } from "../shared/pages";
import { previewOf } from "../shared/preview";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { presenceText, usePresence } from "../thread/ChatHeader";

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
  useEffect(() => {
    const close = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !document.querySelector("dialog[open], [role=menu]")) onClose();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [onClose]);
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
        {other ? (
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
        ) : (
          <Group conversation={conversation} />
        )}
        <Gallery conversation={conversation} />
        <Starred conversation={conversation} />
      </div>
    </aside>
  );
}

const TIMES = [0, 3600, 86_400, 604_800, 2_592_000];

function timeText(seconds: number): string {
  if (seconds === 0) return t("info.disappearing.off");
  const unit = seconds < 86_400 ? "hour" : "day";
  const count = seconds / (unit === "hour" ? 3600 : 86_400);
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit,
    unitDisplay: "long",
  }).format(count);
}

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
  const [adding, setAdding] = useState(false);
  const { items: all, more } = usePages(
    ["members", id, conversation.updated_at, conversation.member_count],
    (after, signal) => messenger.rest.members(id, { after, limit: 50 }, signal),
  );
  const own =
    all.find(({ user }) => user.id === me?.id) ??
    conversation.participants.find(({ user }) => user.id === me?.id);
  const may = (permission: string) =>
    own?.role === "owner" || own?.role === "admin" || (own?.permissions ?? []).includes(permission);
  const refresh = () => queries.invalidateQueries({ queryKey: ["members", id] });
  const run = (what: () => Promise<unknown>) =>
    void attempt(async () => {
      await what();
      await refresh();
    });
  const leave = () => {
    if (!confirm(t("info.leave.sure"))) return;
    void attempt(async () => {
      await messenger.leaveGroup(id);
      go("/", true);
    });
  };
  return (
    <>
      {may("change_settings") ? <GroupSettings conversation={conversation} /> : null}
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
          {all.map((member) => (
            <Member key={member.user.id} member={member} items={memberActions(id, member, own, may, run)} />
          ))}
        </ul>
        <MoreButton more={more} />
      </section>
      <button type="button" className="danger" onClick={leave}>
        {t("info.leave")}
      </button>
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

function memberActions(
  id: string,
  member: Participant,
  own: Participant | undefined,
  may: (permission: string) => boolean,
  run: (what: () => Promise<unknown>) => void,
): MenuItem[] {
  const { user, role } = member;
  if (!own || user.id === own.user.id || role === "owner") return [];
  const items: MenuItem[] = [];
  if (own.role === "owner") {
    const next = role === "admin" ? "member" : "admin";
    items.push({
      label: t(next === "admin" ? "info.makeadmin" : "info.makemember"),
      run: () => run(() => messenger.rest.setMember(id, user.id, { role: next })),
    });
  }
  if (may("remove_members")) {
    items.push({
      label: t("info.remove"),
      danger: true,
      run: () => run(() => messenger.rest.removeMember(id, user.id)),
    });
  }
  return items;
}

function GroupSettings({ conversation }: { conversation: Conversation }) {
  const [name, setName] = useState(conversation.name ?? "");
  const [description, setDescription] = useState(conversation.description ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(() =>
      messenger.updateConversation(conversation.id, {
        name: name.trim(),
        description: description.trim() || null,
      }),
    );
  };
  return (
    <form onSubmit={submit}>
      <label>
        {t("info.name")}
        <input value={name} onChange={(event) => setName(event.target.value)} required maxLength={100} />
      </label>
      <label>
        {t("info.description")}
        <textarea
          value={description}
          rows={2}
          onChange={(event) => setDescription(event.target.value)}
          maxLength={500}
        />
      </label>
      <button type="submit">{t("save")}</button>
    </form>
  );
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
            key={file.id}
            type="button"
            aria-label={file.filename}
            onClick={() => go(threadPath(id, message_id))}
          >
            <img src={file.thumbnail_url ?? file.download_url ?? undefined} alt="" loading="lazy" />
          </button>
        ))}
      </div>
    </section>
  );
}

function Starred({ conversation }: { conversation: Conversation }) {
  const starred = useQuery({ queryKey: ["starred"], queryFn: () => messenger.rest.starred(), staleTime: 0 });
  const here = starred.data?.items.filter((message) => message.conversation_id === conversation.id) ?? [];
  if (here.length === 0) return null;
  return (
    <section>
      <h3>{t("info.starred")}</h3>
      <ul className="people">
        {here.map((message) => (
          <li key={message.id}>
            <button
              type="button"
              className="found"
              onClick={() => go(threadPath(conversation.id, message.id))}
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
        ))}
      </ul>
    </section>
  );
}
