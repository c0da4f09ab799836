// SPDX-License-Identifier: GPL-3.0-or-later
// What stands between messages: the day, and where the unread ones begin; and which messages belong together.
import { type Row, rowKey } from "../../client/thread";
import { dayKey } from "../../i18n";

const TOGETHER = 5 * 60 * 1000;

export type ThreadRow =
  | { kind: "day"; key: string; when: string }
  | { kind: "unread"; key: string }
  | { kind: "message"; key: string; message: Row; isFirst: boolean; isLast: boolean; number: number };

function belong(a: Row | undefined, b: Row | undefined): boolean {
  if (!a || !b || a.sender_id === null || a.sender_id !== b.sender_id) return false;
  if (a.message_type === "system" || b.message_type === "system") return false;
  return (
    Date.parse(b.created_at) - Date.parse(a.created_at) < TOGETHER &&
    dayKey(a.created_at) === dayKey(b.created_at)
  );
}

/** UNREAD: seq of the last message that was read when the conversation was opened; null: no line. */
export function threadRows(messages: Row[], unread: number | null): ThreadRow[] {
  const rows: ThreadRow[] = [];
  let lineDrawn = unread === null;
  messages.forEach((message, i) => {
    const before = messages[i - 1];
    const isNewDay = !before || dayKey(before.created_at) !== dayKey(message.created_at);
    if (isNewDay)
      rows.push({ kind: "day", key: `day ${dayKey(message.created_at)}`, when: message.created_at });
    const begins = !lineDrawn && !message.pending && message.seq > unread!;
    if (begins && before) rows.push({ kind: "unread", key: "unread" });
    lineDrawn ||= begins;
    rows.push({
      kind: "message",
      key: rowKey(message),
      message,
      isFirst: isNewDay || begins || !belong(before, message),
      isLast: !belong(message, messages[i + 1]),
      number: i + 1,
    });
  });
  return rows;
}
