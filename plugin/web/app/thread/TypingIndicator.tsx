// SPDX-License-Identifier: GPL-3.0-or-later
import type { Conversation } from "../../client/types";
import { plural } from "../../i18n";
import { useMessaging } from "../client";

export function TypingIndicator({ conversation }: { conversation: Conversation }) {
  const typing = useMessaging((state) => state.typingUsers[conversation.id]);
  const names = conversation.participants
    .filter(({ user }) => typing?.includes(user.id))
    .map(({ user }) => user.name);
  return (
    <p className="typing" aria-live="polite">
      {typing && typing.length > 0 ? plural("thread.typing", names.length || 1, { names }) : ""}
    </p>
  );
}
