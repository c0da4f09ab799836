// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft } from "lucide-react";
import { type FormEvent, useEffect, useState } from "react";
import { useStore } from "zustand";
import type { Privacy } from "../../client/types";
import { type Key, LANGUAGES, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging } from "../client";
import { goBack } from "../routes";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { preferences, setPreference, type Theme } from "../stores/preferences";
import { showToast } from "../stores/toasts";

export default function Settings() {
  return (
    <div className="settings">
      <header className="chatheader">
        <IconButton label={t("back")} onClick={goBack}>
          <ArrowLeft />
        </IconButton>
        <h1>{t("settings.title")}</h1>
      </header>
      <div className="body">
        <UserProfile />
        <PrivacySettings />
        <Look />
        <NotificationSettings />
        <Blocked />
        <section>
          <h2>{t("settings.session")}</h2>
          <button type="button" onClick={() => void attempt(() => messenger.signOut())}>
            {t("settings.signout")}
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => void attempt(() => messenger.signOut(true))}
          >
            {t("settings.signoutall")}
          </button>
        </section>
      </div>
    </div>
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
        <label className="button">
          {t("settings.picture")}
          <input
            type="file"
            className="hidden"
            accept="image/png,image/jpeg,image/gif,image/webp"
            onChange={(event) => {
              const file = event.target.files?.[0];
              if (file) void attempt(async () => keep(await messenger.rest.setAvatar(file)));
            }}
          />
        </label>
        {me.avatar_url ? (
          <button
            type="button"
            onClick={() => void attempt(async () => keep(await messenger.rest.removeAvatar()))}
          >
            {t("settings.picture.remove")}
          </button>
        ) : null}
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
  ["messages", ["everyone", "contacts", "nobody"]],
  ["presence", ["everyone", "contacts", "nobody"]],
  ["last_seen", ["everyone", "contacts", "nobody"]],
  ["profile", ["everyone", "contacts"]],
  ["location", ["everyone", "contacts", "nobody"]],
];

function PrivacySettings() {
  const privacy = useQuery({ queryKey: ["privacy"], queryFn: () => messenger.rest.privacy() });
  const change = (changes: Partial<Privacy>) =>
    void attempt(async () => queries.setQueryData(["privacy"], await messenger.rest.updatePrivacy(changes)));
  if (!privacy.data) return null;
  return (
    <section>
      <h2>{t("settings.privacy")}</h2>
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
      <h2>{t("settings.notifications")}</h2>
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

function Blocked() {
  const blocked = useQuery({ queryKey: ["blocked"], queryFn: () => messenger.rest.blocked(), staleTime: 0 });
  useEffect(
    () =>
      messenger.socket.on("user.updated", () => void queries.invalidateQueries({ queryKey: ["blocked"] })),
    [],
  );
  const unblock = (id: string) =>
    void attempt(async () => {
      await messenger.rest.unblock(id);
      await queries.invalidateQueries({ queryKey: ["blocked"] });
    });
  return (
    <section>
      <h2>{t("settings.blocked")}</h2>
      {blocked.data?.items.length === 0 ? <p>{t("settings.blocked.none")}</p> : null}
      <ul className="people">
        {blocked.data?.items.map((user) => (
          <li key={user.id}>
            <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
            <bdi className="name">{user.name}</bdi>
            <button type="button" onClick={() => unblock(user.id)}>
              {t("info.unblock")}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
