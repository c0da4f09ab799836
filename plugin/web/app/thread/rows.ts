// SPDX-License-Identifier: GPL-3.0-or-later
// What stands between messages: the day, and where the unread ones begin; and which messages belong together.
import { isToBeRead } from "../../client/following";
import { type Row, rowKey } from "../../client/thread";
import type { User } from "../../client/types";
import { dayKey } from "../../i18n";

const TOGETHER = 5 * 60 * 1000;

export type ThreadRow =
  | { kind: "day"; key: string; when: string }
  | { kind: "unread"; key: string }
  | { kind: "message"; key: string; message: Row; isFirst: boolean; isLast: boolean; number: number };

// All rows are made again for each page and message that comes, and to read a time takes longer than anything else in that.
const times = new WeakMap<Row, { at: number; day: string }>();

function timeOf(row: Row): { at: number; day: string } {
  let known = times.get(row);
  if (!known) {
    known = { at: Date.parse(row.created_at), day: dayKey(row.created_at) };
    times.set(row, known);
  }
  return known;
}

function belong(a: Row | undefined, b: Row | undefined): boolean {
  if (!a || !b || a.sender_id === null || a.sender_id !== b.sender_id) return false;
  if (a.message_type === "system" || b.message_type === "system") return false;
  return timeOf(b).at - timeOf(a).at < TOGETHER && timeOf(a).day === timeOf(b).day;
}

/** UNREAD: seq of the last message that ME had read when the conversation was opened; null: no line. */
export function threadRows(messages: Row[], unread: number | null, me: User | null): ThreadRow[] {
  const rows: ThreadRow[] = [];
  let lineDrawn = unread === null;
  messages.forEach((message, i) => {
    const before = messages[i - 1];
    const { day } = timeOf(message);
    const isNewDay = !before || timeOf(before).day !== day;
    if (isNewDay) rows.push({ kind: "day", key: `day ${day}`, when: message.created_at });
    const begins = !lineDrawn && !message.pending && message.seq > unread! && isToBeRead(message, me);
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
