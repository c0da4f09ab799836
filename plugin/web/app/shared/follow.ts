// SPDX-License-Identifier: GPL-3.0-or-later
// What was read by requests follows the events that tell of it, whether or not it is on the screen.
import type { QueryClient } from "@tanstack/react-query";
import type { ConversationExpired, Frame, SettingsUpdated } from "../../client/types";
import { readAnew, takeTold } from "./anew";

type Socket = { on(type: string, listener: (frame: Frame) => void): () => void };

const SETTINGS: Record<SettingsUpdated["setting"], string> = {
  privacy: "privacy",
  data_sharing: "data-sharing",
  retention: "retention",
};
/** Lists of messages from all conversations. */
const OF_ALL = ["starred", "search"];

export function followEvents(socket: Socket, queries: QueryClient): void {
  socket.on("settings.updated", ({ payload }) => {
    const { setting, value } = payload as SettingsUpdated;
    const key = SETTINGS[setting];
    if (key && value) takeTold(queries, [key], value);
  });
  socket.on("conversation.expired", ({ payload }) => {
    const { conversation_id: id } = payload as ConversationExpired;
    const tells = ({ queryKey }: { queryKey: readonly unknown[] }) =>
      OF_ALL.includes(String(queryKey[0])) || queryKey.includes(id);
    void readAnew(queries, { predicate: tells });
  });
}
