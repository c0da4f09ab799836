// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { type RefObject, useEffect, useId, useState } from "react";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { messenger, useMessaging } from "../client";
import { UserAvatar } from "../shared/UserAvatar";
import type { Mentioned } from "./mentions";

type Properties = {
  conversation: Conversation;
  query: string;
  onChoose: (who: Mentioned) => void;
  onClose: () => void;
  field: RefObject<HTMLTextAreaElement | null>;
};

/** The focus stays in the field: arrows choose, Enter and Tab take, Escape leaves. */
export function MentionList({ conversation, query, onChoose, onClose, field }: Properties) {
  const [at, setAt] = useState(0);
  const id = useId();
  const found = useQuery({
    queryKey: ["members", conversation.id, query],
    queryFn: ({ signal }) =>
      messenger.rest.members(conversation.id, { q: query || undefined, limit: 8 }, signal),
  });
  const me = useMessaging((state) => state.me);
  const people = found.data?.items.filter(({ user }) => user.id !== me?.id) ?? [];
  useEffect(() => {
    const element = field.current;
    if (!element) return;
    const onKeyDown = (event: KeyboardEvent) => {
      const who = people[at]?.user;
      if (event.key === "Escape") onClose();
      else if (event.key === "ArrowDown") setAt((at + 1) % Math.max(1, people.length));
      else if (event.key === "ArrowUp") setAt((at + people.length - 1) % Math.max(1, people.length));
      else if ((event.key === "Enter" || event.key === "Tab") && who)
        onChoose({ user_id: who.id, name: who.name });
      else return;
      event.preventDefault();
      event.stopPropagation();
    };
    element.addEventListener("keydown", onKeyDown);
    element.setAttribute("aria-activedescendant", people[at] ? `${id}-${at}` : "");
    return () => {
      element.removeEventListener("keydown", onKeyDown);
      element.removeAttribute("aria-activedescendant");
    };
  }, [people, at, field, id, onChoose, onClose]);
  if (people.length === 0) return null;
  return (
    <div className="mentions" role="listbox" aria-label={t("composer.mentions")}>
      {people.map(({ user }, i) => (
        <div
          key={user.id}
          id={`${id}-${i}`}
          role="option"
          tabIndex={-1}
          aria-selected={i === at}
          onPointerDown={(event) => {
            event.preventDefault();
            onChoose({ user_id: user.id, name: user.name });
          }}
        >
          <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
          <bdi>{user.name}</bdi>
        </div>
      ))}
    </div>
  );
}
