// SPDX-License-Identifier: GPL-3.0-or-later
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { newId } from "../../client/ids";
import type { Conversation, Outgoing } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, messenger, queries } from "../client";
import { Dialog } from "../shared/small";

type Properties = {
  conversation: Conversation;
  message: Outgoing | null;
  onDone: () => void;
  onClose: () => void;
};

/** The time is that of the person's own zone, and stays so if the zone's rules change. */
export default function ScheduleDialog({ conversation, message, onDone, onClose }: Properties) {
  const [when, setWhen] = useState("");
  const key = ["scheduled", conversation.id];
  const planned = useQuery({
    queryKey: key,
    queryFn: () => messenger.rest.scheduled(conversation.id),
    staleTime: 0,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      await messenger.rest.schedule(conversation.id, {
        ...message,
        client_id: newId(),
        local_time: when,
        time_zone,
      });
      onDone();
      onClose();
    });
  };
  const cancel = (id: string) =>
    void attempt(async () => {
      await messenger.rest.cancelScheduled(id);
      await queries.invalidateQueries({ queryKey: key });
    });
  return (
    <Dialog title={t("schedule.title")} onClose={onClose}>
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
      {planned.data?.items.length === 0 ? <p>{t("schedule.none")}</p> : null}
      <ul className="people">
        {planned.data?.items.map((item) => (
          <li key={item.id}>
            <span className="text">
              <time dateTime={item.scheduled_for}>{formatFull(item.scheduled_for)}</time>
              <bdi className="preview">{item.content}</bdi>
            </span>
            <button type="button" onClick={() => cancel(item.id)}>
              {t("cancel")}
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
