// SPDX-License-Identifier: GPL-3.0-or-later
// Tells the moderators of a message, somebody, a conversation or a call, with what was said before it if one likes.
import { type FormEvent, useState } from "react";
import type { Message, ReportTarget } from "../../client/types";
import { formatTime, plural, t } from "../../i18n";
import { attempt, messenger } from "../client";
import { previewOf } from "../shared/preview";
import { Dialog } from "../shared/small";
import { showToast } from "../stores/toasts";

const REASONS = ["spam", "harassment", "nsfw", "illegal", "other"] as const;
const COMMENT_MAX = 500;
const EVIDENCE_MAX = 20;
const BEFORE = 5; // messages that are chosen to begin with

type Properties = {
  what: ReportTarget;
  /** Where it is about a message: that one. */
  message?: Message;
  /** Of which conversation messages may go along, where it is about somebody. */
  conversation?: string;
  /** Whose messages may go along. */
  sender?: string;
  onClose: () => void;
};

/** What was said up to the message, or what SENDER has said last; only what others wrote and is still there. */
function evidence({ message, conversation, sender }: Properties): Message[] {
  const { messages, me } = messenger.state.getState();
  const id = message?.conversation_id ?? conversation;
  if (!id) return [];
  return (messages[id]?.items ?? [])
    .filter((row) => !row.pending && !row.deleted_at && row.message_type !== "system")
    .filter((row) => row.sender_id !== me?.id && (!sender || row.sender_id === sender))
    .filter((row) => !message || row.seq < message.seq)
    .slice(-EVIDENCE_MAX);
}

export default function ReportDialog(properties: Properties) {
  const { what, onClose } = properties;
  const [reason, setReason] = useState<string>("spam");
  const [comment, setComment] = useState("");
  const [offered] = useState(() => evidence(properties));
  const [chosen, setChosen] = useState(() => offered.slice(-BEFORE).map(({ id }) => id));
  const toggle = (id: string) =>
    setChosen((before) => (before.includes(id) ? before.filter((other) => other !== id) : [...before, id]));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      await messenger.rest.report(what, reason, comment.trim() || null, chosen);
      showToast(t("report.sent"));
      onClose();
    });
  };
  return (
    <Dialog title={t("message_id" in what ? "report.title" : "report.title.other")} onClose={onClose}>
      <form onSubmit={submit}>
        <label>
          {t("report.reason")}
          <select value={reason} onChange={(event) => setReason(event.target.value)}>
            {REASONS.map((name) => (
              <option key={name} value={name}>
                {t(`report.${name}`)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t("report.comment")}
          <textarea
            value={comment}
            rows={3}
            maxLength={COMMENT_MAX}
            onChange={(event) => setComment(event.target.value)}
          />
        </label>
        {offered.length > 0 ? (
          <details>
            <summary>{plural("report.evidence", chosen.length)}</summary>
            <p className="note">{t("report.evidence.about")}</p>
            {offered.map((row) => (
              <label key={row.id} className="check">
                <input type="checkbox" checked={chosen.includes(row.id)} onChange={() => toggle(row.id)} />
                <span className="text">
                  <span className="preview">
                    <bdi>{row.sender?.name}</bdi>, {formatTime(row.created_at)}: <bdi>{previewOf(row)}</bdi>
                  </span>
                </span>
              </label>
            ))}
          </details>
        ) : null}
        <button type="submit" className="primary">
          {t("report.send")}
        </button>
      </form>
    </Dialog>
  );
}
