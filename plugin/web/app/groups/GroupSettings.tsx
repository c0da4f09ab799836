// SPDX-License-Identifier: GPL-3.0-or-later
// What those who manage a group set: what it is called and looks like, who may do what, what is wanted in it.
import { type FormEvent, useState } from "react";
import type { Conversation, Participant } from "../../client/types";
import { type Key, t } from "../../i18n";
import { attempt, messenger, queries } from "../client";
import { readAnew } from "../shared/anew";
import { PeopleList } from "../shared/PeopleList";
import { PictureButtons } from "../shared/PictureButtons";
import { usePages } from "../shared/pages";
import { Dialog } from "../shared/small";
import { durationText } from "../shared/times";
import { UserAvatar } from "../shared/UserAvatar";

type Settings = {
  who_can_send: string;
  who_can_add: string;
  history: string;
  max_members: number;
  public: boolean;
  moderation: { filter: string; slow_mode_seconds: number; new_member_wait: number; media?: string };
};

const CHOICES: [keyof Settings, string[]][] = [
  ["who_can_send", ["everyone", "admins_only"]],
  ["who_can_add", ["everyone", "admins_only"]],
  ["history", ["visible", "hidden"]],
];
const RULES: [keyof Settings["moderation"], string[]][] = [
  ["filter", ["off", "links", "strict"]],
  ["media", ["all", "members", "none"]],
];
const WAITS: [keyof Settings["moderation"], number[]][] = [
  ["slow_mode_seconds", [0, 10, 60, 600, 3600]],
  ["new_member_wait", [0, 60, 600, 3600, 86_400]],
];

export function GroupSettings({ conversation }: { conversation: Conversation }) {
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
    <>
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
      <Picture conversation={conversation} />
      <details>
        <summary>{t("group.rules")}</summary>
        <Rules conversation={conversation} />
      </details>
    </>
  );
}

function Picture({ conversation }: { conversation: Conversation }) {
  const { id } = conversation;
  return (
    <div className="picture">
      <PictureButtons
        hasPicture={Boolean(conversation.icon_url)}
        onChoose={(file) => void attempt(() => messenger.setIcon(id, file))}
        onRemove={() => void attempt(() => messenger.setIcon(id, null))}
      />
    </div>
  );
}

function Rules({ conversation }: { conversation: Conversation }) {
  const settings = conversation.settings as unknown as Settings;
  const moderation = settings.moderation ?? { filter: "off", slow_mode_seconds: 0, new_member_wait: 0 };
  const change = (settings: Record<string, unknown>) =>
    void attempt(() => messenger.updateConversation(conversation.id, { settings }));
  return (
    <>
      {CHOICES.map(([name, values]) => (
        <Choice
          key={name}
          name={name}
          values={values}
          value={String(settings[name])}
          onChange={(value) => change({ [name]: value })}
        />
      ))}
      {RULES.map(([name, values]) =>
        moderation[name] === undefined ? null : (
          <Choice
            key={name}
            name={name}
            values={values}
            value={String(moderation[name])}
            onChange={(value) => change({ moderation: { [name]: value } })}
          />
        ),
      )}
      {WAITS.map(([name, values]) => {
        const now = Number(moderation[name]);
        return (
          <label key={name}>
            {t(`group.${name}` as Key)}
            <select
              value={now}
              onChange={(event) => change({ moderation: { [name]: Number(event.target.value) } })}
            >
              {[...new Set([...values, now])].map((seconds) => (
                <option key={seconds} value={seconds}>
                  {seconds === 0 ? t("group.nowait") : durationText(seconds)}
                </option>
              ))}
            </select>
          </label>
        );
      })}
      <MostMembers now={settings.max_members} onChange={(max_members) => change({ max_members })} />
      <label className="check">
        <input
          type="checkbox"
          checked={settings.public}
          onChange={(event) => change({ public: event.target.checked })}
        />
        {t("group.public")}
      </label>
    </>
  );
}

function MostMembers({ now, onChange }: { now: number; onChange: (most: number) => void }) {
  const [most, setMost] = useState(String(now));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onChange(Number(most));
      }}
    >
      <label>
        {t("group.max_members")}
        <input
          type="number"
          min={2}
          max={256}
          required
          value={most}
          onChange={(event) => setMost(event.target.value)}
        />
      </label>
      {Number(most) !== now ? <button type="submit">{t("save")}</button> : null}
    </form>
  );
}

function Choice(properties: {
  name: string;
  values: string[];
  value: string;
  onChange: (value: string) => void;
}) {
  const { name, values, value, onChange } = properties;
  return (
    <label>
      {t(`group.${name}` as Key)}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        {[...new Set([...values, value])].map((one) => (
          <option key={one} value={one}>
            {t(`group.${name}.${one}` as Key) || one}
          </option>
        ))}
      </select>
    </label>
  );
}

const PERMISSIONS = [
  "send_messages",
  "add_members",
  "remove_members",
  "change_settings",
  "delete_messages",
] as const;

/** What a member may do here, in place of what the role says. */
export function Permissions({
  id,
  member,
  onClose,
  onDone,
}: {
  id: string;
  member: Participant;
  onClose: () => void;
  onDone: () => void;
}) {
  const [given, setGiven] = useState<string[]>(member.permissions ?? []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      await messenger.rest.setMember(id, member.user.id, { permissions: given });
      onDone();
      onClose();
    });
  };
  return (
    <Dialog help="permissions" title={`${t("group.permissions")}: ${member.user.name}`} onClose={onClose}>
      <form onSubmit={submit}>
        {PERMISSIONS.map((name) => (
          <label key={name} className="check">
            <input
              type="checkbox"
              checked={given.includes(name)}
              onChange={(event) =>
                setGiven(event.target.checked ? [...given, name] : given.filter((other) => other !== name))
              }
            />
            {t(`group.may.${name}`)}
          </label>
        ))}
        <button type="submit" className="primary">
          {t("save")}
        </button>
      </form>
    </Dialog>
  );
}

/** Who may not come back. */
export function Banned({ id }: { id: string }) {
  const key = ["banned", id];
  const { items, more } = usePages(
    key,
    (after, signal) => messenger.rest.members(id, { state: "banned", after, limit: 50 }, signal),
    0,
  );
  const lift = (user: string) =>
    void attempt(async () => {
      await messenger.rest.setMember(id, user, { banned: false });
      await readAnew(queries, { queryKey: key });
    });
  if (items.length === 0) return null;
  return (
    <section>
      <h3>{t("group.banned")}</h3>
      <PeopleList users={items.map(({ user }) => user)} action={t("group.unban")} onAct={lift} more={more} />
    </section>
  );
}

/** The last one who manages the group says who follows. */
export function Successor({
  members,
  onChoose,
  onClose,
}: {
  members: Participant[];
  onChoose: (user: string) => void;
  onClose: () => void;
}) {
  return (
    <Dialog title={t("group.successor")} onClose={onClose}>
      <p>{t("group.successor.about")}</p>
      <ul className="people">
        {members.map(({ user }) => (
          <li key={user.id}>
            <button type="button" className="found" onClick={() => onChoose(user.id)}>
              <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
              <bdi className="name">{user.name}</bdi>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
