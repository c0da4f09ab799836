// SPDX-License-Identifier: GPL-3.0-or-later
// Messages for later: a new one, and those that wait or could not be sent.
import { type FormEvent, useState } from "react";
import { newId } from "../../client/ids";
import type { Conversation, Outgoing, Scheduled } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, explainCode, messenger, queries } from "../client";
import { readAnew } from "../shared/anew";
import { MoreButton, usePages } from "../shared/pages";
import { Dialog } from "../shared/small";
import { useAnew } from "../shared/useAnew";

type Properties = {
  conversation: Conversation;
  message: Outgoing | null;
  onDone: () => void;
  onClose: () => void;
};

const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The time is that of the person's own zone, and stays so if the zone's rules change. */
export default function ScheduleDialog({ conversation, message, onDone, onClose }: Properties) {
  const [when, setWhen] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      const time = { local_time: when, time_zone: zone() };
      await messenger.rest.schedule(conversation.id, { ...message, client_id: newId(), ...time });
      onDone();
      onClose();
    });
  };
  return (
    <Dialog help="schedule" title={t("schedule.title")} onClose={onClose}>
      {message ? (
        <form onSubmit={submit}>
          <label>
            {t("schedule.when")}
            <input
              type="datetime-local"
              value={when}
              onChange={(event) => setWhen(event.target.value)}
              required
            />
          </label>
          <button type="submit" className="primary">
            {t("composer.schedule")}
          </button>
        </form>
      ) : null}
      <h3>{t("schedule.list")}</h3>
      <Planned conversation={conversation} status="pending" />
      <Planned conversation={conversation} status="failed" />
    </Dialog>
  );
}

function Planned({ conversation, status }: { conversation: Conversation; status: "pending" | "failed" }) {
  const { items, isPending, more } = usePages(
    ["scheduled", conversation.id, status],
    (after) => messenger.rest.scheduled(conversation.id, { status, after }),
    0,
  );
  useAnew(["scheduled", conversation.id], ["scheduled.updated"]);
  if (items.length === 0) return status === "pending" && !isPending ? <p>{t("schedule.none")}</p> : null;
  return (
    <>
      {status === "failed" ? <h3>{t("schedule.failed")}</h3> : null}
      <ul className="people">
        {items.map((item) => (
          <PlannedMessage key={item.id} item={item} />
        ))}
      </ul>
      <MoreButton more={more} />
    </>
  );
}

function PlannedMessage({ item }: { item: Scheduled }) {
  const [editing, setEditing] = useState(false);
  const anew = () => readAnew(queries, { queryKey: ["scheduled", item.conversation_id] });
  const cancel = () =>
    void attempt(async () => {
      await messenger.rest.cancelScheduled(item.id);
      await anew();
    });
  if (editing) return <EditPlanned item={item} onDone={() => void anew().then(() => setEditing(false))} />;
  return (
    <li>
      <span className="text">
        <time dateTime={item.scheduled_for}>{formatFull(item.scheduled_for)}</time>
        <bdi className="preview">{item.content}</bdi>
        {item.reason ? <span className="problem">{explainCode(item.reason)}</span> : null}
      </span>
      {item.status === "pending" ? (
        <>
          <button type="button" onClick={() => setEditing(true)}>
            {t("message.edit")}
          </button>
          <button type="button" onClick={cancel}>
            {t("cancel")}
          </button>
        </>
      ) : null}
    </li>
  );
}

/** As the field has it, in this zone. */
function localTime(when: string): string {
  const time = new Date(when);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function EditPlanned({ item, onDone }: { item: Scheduled; onDone: () => void }) {
  const before = item.local_time?.slice(0, 16) ?? localTime(item.scheduled_for);
  const [when, setWhen] = useState(before);
  const [content, setContent] = useState(item.content ?? "");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      const time = when === before ? {} : { local_time: when, time_zone: zone() };
      const text = content.trim() && content !== item.content ? { content: content.trim() } : {};
      await messenger.rest.updateScheduled(item.id, { ...text, ...time });
      onDone();
    });
  };
  return (
    <li>
      <form onSubmit={submit}>
        <label>
          {t("schedule.text")}
          <textarea
            value={content}
            rows={2}
            dir="auto"
            onChange={(event) => setContent(event.target.value)}
          />
        </label>
        <label>
          {t("schedule.when")}
          <input
            type="datetime-local"
            value={when}
            onChange={(event) => setWhen(event.target.value)}
            required
          />
        </label>
        <button type="submit" className="primary">
          {t("save")}
        </button>
      </form>
    </li>
  );
}
