// SPDX-License-Identifier: GPL-3.0-or-later
import type { User } from "../../client/types";
import { MoreButton } from "./pages";
import { UserAvatar } from "./UserAvatar";

type Properties = {
  users: User[];
  action: string; // what can be done about each, in words
  onAct: (id: string) => void;
  more: (() => void) | null;
};

/** People, and one thing that can be done about each. */
export function PeopleList({ users, action, onAct, more }: Properties) {
  return (
    <>
      <ul className="people">
        {users.map((user) => (
          <li key={user.id}>
            <UserAvatar name={user.name} picture={user.avatar_url} size="small" />
            <bdi className="name">{user.name}</bdi>
            <button type="button" onClick={() => onAct(user.id)}>
              {action}
            </button>
          </li>
        ))}
      </ul>
      <MoreButton more={more} />
    </>
  );
}
