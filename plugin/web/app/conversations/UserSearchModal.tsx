// SPDX-License-Identifier: GPL-3.0-or-later
// Begins a conversation with somebody, or a group with several.
import { DoorOpen, Users } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { User } from "../../client/types";
import { plural, t } from "../../i18n";
import { attempt, messenger, useOffers } from "../client";
import { go, threadPath } from "../routes";
import { PeoplePicker } from "../shared/PeoplePicker";
import { Dialog } from "../shared/small";

export default function UserSearchModal({ onClose }: { onClose: () => void }) {
  const [isGroup, setGroup] = useState(false);
  const [isRoom, setRoom] = useState(false);
  const hasGroups = useOffers("groups");
  const begin = async (whom: { participant_id: string } | { jid: string }) => {
    const conversation = await attempt(() => messenger.talkTo(whom));
    if (!conversation) return;
    onClose();
    go(threadPath(conversation.id));
  };
  return (
    <Dialog
      title={t(isGroup ? "new.group" : isRoom ? "group.enter" : "new.title")}
      onClose={onClose}
      className="people"
    >
      {isGroup ? (
        <NewGroup onClose={onClose} />
      ) : isRoom ? (
        <EnterGroup onClose={onClose} />
      ) : (
        <>
          {hasGroups ? (
            <button type="button" className="wide" onClick={() => setGroup(true)}>
              <Users aria-hidden="true" />
              {t("new.group")}
            </button>
          ) : null}
          {hasGroups ? (
            <button type="button" className="wide" onClick={() => setRoom(true)}>
              <DoorOpen aria-hidden="true" />
              {t("group.enter")}
            </button>
          ) : null}
          <PeoplePicker
            onUser={(user) => void begin({ participant_id: user.id })}
            onJid={(jid) => void begin({ jid })}
          />
        </>
      )}
    </Dialog>
  );
}

function NewGroup({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<User[]>([]);
  const [jids, setJids] = useState<string[]>([]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const members = [...chosen.map((user) => ({ user_id: user.id })), ...jids.map((jid) => ({ jid }))];
    const conversation = await attempt(() => messenger.createGroup({ name: name.trim(), members }));
    if (!conversation) return;
    onClose();
    go(threadPath(conversation.id));
  };
  const count = chosen.length + jids.length;
  return (
    <form onSubmit={submit}>
      <label>
        {t("new.group.name")}
        <input value={name} onChange={(event) => setName(event.target.value)} required maxLength={100} />
      </label>
      <PeoplePicker
        chosen={chosen.map((user) => user.id)}
        onUser={(user) =>
          setChosen(
            chosen.some(({ id }) => id === user.id)
              ? chosen.filter(({ id }) => id !== user.id)
              : [...chosen, user],
          )
        }
        onJid={(jid) => setJids(jids.includes(jid) ? jids : [...jids, jid])}
      />
      <p aria-live="polite">
        {plural("new.group.chosen", count)}
        {count > 0 ? `: ${[...chosen.map((user) => user.name), ...jids].join(", ")}` : ""}
      </p>
      <button type="submit" className="primary" disabled={!name.trim() || count === 0}>
        {t("new.group.create")}
      </button>
    </form>
  );
}

/** A group of which one knows the address: here, or a room of another service. */
function EnterGroup({ onClose }: { onClose: () => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim() || undefined;
    void attempt(async () => {
      const room = { jid: text("jid") ?? "", nick: text("nick"), password: text("password") };
      const conversation = await messenger.enterGroup(room);
      onClose();
      go(threadPath(conversation.id));
    });
  };
  return (
    <form onSubmit={submit}>
      <label>
        {t("group.address")}
        <input name="jid" required autoCapitalize="none" spellCheck={false} />
      </label>
      <label>
        {t("group.nick")}
        <input name="nick" maxLength={255} />
      </label>
      <label>
        {t("group.password")}
        <input name="password" type="password" autoComplete="off" />
      </label>
      <button type="submit" className="primary">
        {t("group.enter")}
      </button>
    </form>
  );
}
