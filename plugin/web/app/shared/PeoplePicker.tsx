// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { AtSign, Check } from "lucide-react";
import { useState } from "react";
import type { User } from "../../client/types";
import { t } from "../../i18n";
import { messenger } from "../client";
import { UserAvatar } from "./UserAvatar";
import { useDebounced } from "./useDebounced";

type Properties = { chosen?: string[]; onUser: (user: User) => void; onJid?: (jid: string) => void };

/** Finds people by name; an address of the XMPP network may be given as it is. */
export function PeoplePicker({ chosen, onUser, onJid }: Properties) {
  const [text, setText] = useState("");
  const q = useDebounced(text.trim(), 250);
  const found = useQuery({
    queryKey: ["users", q],
    queryFn: ({ signal }) => messenger.rest.searchUsers(q, signal),
    enabled: q.length >= 2,
  });
  const isJid = onJid && /^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(q);
  const users = found.data?.items ?? [];
  return (
    <div className="picker">
      <label>
        {t("new.find")}
        <input
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
          autoComplete="off"
        />
      </label>
      <ul>
        {isJid ? (
          <li>
            <button type="button" className="found" onClick={() => onJid(q)}>
              <AtSign aria-hidden="true" />
              {t("new.jid", { jid: q })}
            </button>
          </li>
        ) : null}
        {users.map((user) => (
          <li key={user.id}>
            <button
              type="button"
              className="found"
              aria-pressed={chosen ? chosen.includes(user.id) : undefined}
              onClick={() => onUser(user)}
            >
              <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
              <span className="text">
                <bdi className="name">{user.name}</bdi>
                <bdi className="preview">{user.username || user.jid}</bdi>
              </span>
              {chosen?.includes(user.id) ? <Check aria-hidden="true" /> : null}
            </button>
          </li>
        ))}
      </ul>
      {q.length >= 2 && found.isSuccess && users.length === 0 && !isJid ? (
        <p role="status">{t("new.none")}</p>
      ) : null}
    </div>
  );
}
