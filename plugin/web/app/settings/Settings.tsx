// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useStore } from "zustand";
import type { Privacy } from "../../client/types";
import { type Key, LANGUAGES, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging } from "../client";
import { DoNotDisturb } from "../notifications/DoNotDisturb";
import { go } from "../routes";
import { readAnew, takeTold } from "../shared/anew";
import { HelpedHeading } from "../shared/Help";
import { PeopleList } from "../shared/PeopleList";
import { PictureButtons } from "../shared/PictureButtons";
import { usePages } from "../shared/pages";
import { Screen } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { useAnew } from "../shared/useAnew";
import { preferences, setPreference, type Theme } from "../stores/preferences";
import { showToast } from "../stores/toasts";
import { Exports } from "./Exports";
import { MediaAccess } from "./MediaAccess";
import { YourData } from "./YourData";

export default function Settings() {
  return (
    <Screen title={t("settings.title")}>
      <UserProfile />
      <PrivacySettings />
      <Look />
      <NotificationSettings />
      <MediaAccess />
      <DoNotDisturb />
      <Blocked />
      <Restricted />
      <YourData />
      <Exports />
      <AboutMe />
      <Staff />
      <section>
        <h2>{t("settings.session")}</h2>
        <button type="button" onClick={() => void attempt(() => messenger.signOut())}>
          {t("settings.signout")}
        </button>
        <button type="button" className="danger" onClick={() => void attempt(() => messenger.signOut(true))}>
          {t("settings.signoutall")}
        </button>
      </section>
    </Screen>
  );
}

function UserProfile() {
  const me = useMessaging((state) => state.me);
  const [name, setName] = useState(me?.name ?? "");
  const [bio, setBio] = useState(me?.bio ?? "");
  const keep = (user: typeof me) => messenger.state.setState((state) => ({ me: { ...state.me!, ...user! } }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      keep(await messenger.rest.updateMe({ name: name.trim(), bio: bio.trim() || null }));
      showToast(t("settings.saved"));
    });
  };
  if (!me) return null;
  return (
    <section>
      <h2>{t("settings.profile")}</h2>
      <div className="picture">
        <UserAvatar name={me.name} picture={me.avatar_url} size="large" />
        <PictureButtons
          hasPicture={Boolean(me.avatar_url)}
          onChoose={(file) => void attempt(async () => keep(await messenger.rest.setAvatar(file)))}
          onRemove={() => void attempt(async () => keep(await messenger.rest.removeAvatar()))}
        />
      </div>
      <form onSubmit={submit}>
        <label>
          {t("settings.name")}
          <input value={name} onChange={(event) => setName(event.target.value)} required maxLength={100} />
        </label>
        <label>
          {t("settings.bio")}
          <textarea value={bio} rows={3} onChange={(event) => setBio(event.target.value)} maxLength={500} />
        </label>
        <button type="submit" className="primary">
          {t("save")}
        </button>
      </form>
    </section>
  );
}

const PRIVACY: [keyof Privacy, string[]][] = [
  ["messages", ["everyone", "contacts", "friends", "following", "nobody"]],
  ["presence", ["everyone", "contacts", "nobody"]],
  ["last_seen", ["everyone", "contacts", "nobody"]],
  ["profile", ["everyone", "contacts"]],
  ["location", ["everyone", "contacts", "nobody"]],
];

function PrivacySettings() {
  const privacy = useQuery({ queryKey: ["privacy"], queryFn: () => messenger.rest.privacy() });
  const change = (changes: Partial<Privacy>) =>
    void attempt(async () => takeTold(queries, ["privacy"], await messenger.rest.updatePrivacy(changes)));
  if (!privacy.data) return null;
  return (
    <section>
      <HelpedHeading title={t("settings.privacy")} topic="privacy" />
      {PRIVACY.map(([name, values]) => (
        <label key={name}>
          {t(`settings.privacy.${name}` as Key)}
          <select
            value={String(privacy.data[name])}
            onChange={(event) => change({ [name]: event.target.value })}
          >
            {values.map((value) => (
              <option key={value} value={value}>
                {t(`settings.${value}` as Key)}
              </option>
            ))}
          </select>
        </label>
      ))}
      <label className="check">
        <input
          type="checkbox"
          checked={privacy.data.receipts}
          onChange={(event) => change({ receipts: event.target.checked })}
        />
        {t("settings.privacy.receipts")}
      </label>
    </section>
  );
}

const THEMES: Theme[] = ["system", "light", "dark", "contrast"];

function Look() {
  const { theme, language } = useStore(preferences);
  return (
    <section>
      <h2>{t("settings.look")}</h2>
      <label>
        {t("settings.theme")}
        <select
          value={theme}
          onChange={(event) => void setPreference({ theme: event.target.value as Theme })}
        >
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t(`settings.theme.${name}`)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("settings.language")}
        <select
          value={language ?? ""}
          onChange={(event) => void setPreference({ language: event.target.value || null })}
        >
          <option value="">{t("settings.theme.system")}</option>
          {Object.entries(LANGUAGES).map(([code, { name }]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}

function NotificationSettings() {
  const { notify, sound } = useStore(preferences);
  const [denied, setDenied] = useState(false);
  const turn = async (on: boolean) => {
    if (on && typeof Notification !== "undefined" && Notification.permission !== "granted") {
      const answer = await Notification.requestPermission();
      setDenied(answer === "denied");
      if (answer !== "granted") return;
    }
    await setPreference({ notify: on });
  };
  return (
    <section>
      <HelpedHeading title={t("settings.notifications")} topic="notifications" />
      <label className="check">
        <input type="checkbox" checked={notify} onChange={(event) => void turn(event.target.checked)} />
        {t("settings.notifications.on")}
      </label>
      {denied ? <p role="alert">{t("settings.notifications.denied")}</p> : null}
      <label className="check">
        <input
          type="checkbox"
          checked={sound}
          onChange={(event) => void setPreference({ sound: event.target.checked })}
        />
        {t("settings.notifications.sound")}
      </label>
    </section>
  );
}

/** What moderators have done about oneself, and what one says about that. */
function AboutMe() {
  const own = useQuery({
    queryKey: ["own-actions"],
    queryFn: () => messenger.rest.ownActions(),
    staleTime: 0,
  });
  const appeal = (event: FormEvent<HTMLFormElement>, id: string) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("text"));
    void attempt(async () => {
      await messenger.rest.appeal(id, text.trim());
      await readAnew(queries, { queryKey: ["own-actions"] });
    });
  };
  if (!own.data?.items.length) return null;
  return (
    <section>
      <h2>{t("moderation.mine")}</h2>
      {own.data.items.map((action) => (
        <div key={action.id}>
          <p>
            {t(`moderation.do.${action.type}`)}: <bdi dir="auto">{action.reason}</bdi>
          </p>
          {action.appeal ? <p dir="auto">{action.appeal}</p> : null}
          {action.decision ? <p>{t(`moderation.${action.decision}`)}</p> : null}
          {action.appealable && !action.appeal ? (
            <form onSubmit={(event) => appeal(event, action.id)}>
              <label>
                {t("moderation.appeal")}
                <input name="text" maxLength={1000} required />
              </label>
              <button type="submit">{t("moderation.appeal.send")}</button>
            </form>
          ) : null}
        </div>
      ))}
    </section>
  );
}

function Staff() {
  const me = useQuery({ queryKey: ["self"], queryFn: () => messenger.rest.me() });
  if (!me.data?.staff.some((role) => role === "moderator" || role === "admin")) return null;
  return (
    <section>
      <button type="button" onClick={() => go("/moderation")}>
        {t("moderation.title")}
      </button>
    </section>
  );
}

function Blocked() {
  const { items, isPending, more } = usePages(["blocked"], (before) => messenger.rest.blocked(before), 0);
  useAnew(["blocked"], ["user.updated", "relation.updated"]);
  const unblock = (id: string) =>
    void attempt(async () => {
      await messenger.rest.unblock(id);
      await readAnew(queries, { queryKey: ["blocked"] });
    });
  return (
    <section>
      <h2>{t("settings.blocked")}</h2>
      {!isPending && items.length === 0 ? <p>{t("settings.blocked.none")}</p> : null}
      <PeopleList users={items} action={t("info.unblock")} onAct={unblock} more={more} />
    </section>
  );
}

/** Whose messages wait among the requests. */
function Restricted() {
  const key = ["restricted"];
  const { items, more } = usePages(key, (after) => messenger.rest.restricted(after), 0);
  useAnew(key, ["relation.updated"]);
  const lift = (id: string) =>
    void attempt(async () => {
      await messenger.rest.restrict(id, false);
      await readAnew(queries, { queryKey: key });
    });
  if (items.length === 0) return null;
  return (
    <section>
      <h2>{t("settings.restricted")}</h2>
      <p className="note">{t("info.restrict.about")}</p>
      <PeopleList
        users={items.map(({ user }) => user)}
        action={t("info.unrestrict")}
        onAct={lift}
        more={more}
      />
    </section>
  );
}
