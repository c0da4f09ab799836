// SPDX-License-Identifier: GPL-3.0-or-later
// Copies of one's account, or of a conversation, to take away.
import { useQuery } from "@tanstack/react-query";
import { Download, Trash2 } from "lucide-react";
import { useEffect } from "react";
import type { Export } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, messenger, queries, useMessaging } from "../client";
import { readAnew } from "../shared/anew";
import { isOurs } from "../shared/links";
import { MoreButton, usePages } from "../shared/pages";
import { IconButton } from "../shared/small";
import { sizeText } from "../shared/times";
import { useAnew } from "../shared/useAnew";

const RUNNING = ["waiting", "running"];
const LOOK_AGAIN = 3_000;

/** What the server tells of copies is shown, and how far they are is asked for. */
function useNews(key: readonly unknown[], runs: boolean): void {
  useAnew(key, ["export.ready", "export.failed", "export.consent"]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is spelled out
  useEffect(() => {
    if (!runs) return;
    const anew = () => void readAnew(queries, { queryKey: key });
    const timer = setInterval(anew, LOOK_AGAIN);
    return () => clearInterval(timer);
  }, [runs, key.join(" ")]);
}

export function Exports() {
  const key = ["exports"];
  const { items, more } = usePages([...key, "own"], (after) => messenger.rest.exports(after), 0);
  const own = items.filter(({ conversation_id }) => conversation_id === null);
  const runs = items.some(({ state }) => RUNNING.includes(state));
  useNews(key, runs);
  const run = (what: () => Promise<unknown>) =>
    void attempt(async () => {
      await what();
      await readAnew(queries, { queryKey: key });
    });
  return (
    <section>
      <h2>{t("exports.title")}</h2>
      <p className="note">{t("exports.about")}</p>
      <button
        type="button"
        disabled={own.some(({ state }) => RUNNING.includes(state))}
        onClick={() => run(() => messenger.rest.makeExport())}
      >
        {t("exports.make")}
      </button>
      <Copies items={items} onRemove={(id) => run(() => messenger.rest.removeExport(id))} />
      <MoreButton more={more} />
    </section>
  );
}

function Copies({ items, onRemove }: { items: Export[]; onRemove?: (id: string) => void }) {
  const conversations = useMessaging((state) => state.conversations);
  if (items.length === 0) return null;
  return (
    <ul className="people">
      {items.map((item) => {
        const about = item.conversation_id ? conversations[item.conversation_id]?.name : null;
        return (
          <li key={item.id}>
            <span className="text">
              <time dateTime={item.created_at}>{formatFull(item.created_at)}</time>
              <span>
                {about ? `${about}: ` : ""}
                {t(`exports.${item.state}`)}
                {item.size ? `, ${sizeText(item.size)}` : ""}
              </span>
              {item.state === "running" ? (
                <progress max={100} value={item.progress} aria-label={t("exports.running")} />
              ) : null}
              {item.state === "ready" ? (
                <span>{t("file.until", { time: formatFull(item.expires_at) })}</span>
              ) : null}
            </span>
            {isOurs(item.url) ? (
              <a className="button" href={item.url} download aria-label={t("file.save")}>
                <Download aria-hidden="true" />
              </a>
            ) : null}
            {onRemove && !["refused", "cancelled", "failed"].includes(item.state) ? (
              <IconButton label={t("exports.remove")} onClick={() => onRemove(item.id)}>
                <Trash2 />
              </IconButton>
            ) : null}
          </li>
        );
      })}
    </ul>
  );
}

/** Of one conversation: all who are in it must agree. */
export function ConversationExports({ id }: { id: string }) {
  const me = useMessaging((state) => state.me);
  const key = ["exports"];
  const found = useQuery({
    queryKey: [...key, id],
    queryFn: () => messenger.rest.conversationExport(id),
    staleTime: 0,
    retry: false,
  });
  const { items: all } = usePages([...key, "own"], (after) => messenger.rest.exports(after), 0);
  const own = all.filter((item) => item.conversation_id === id);
  const asked = found.data && found.data.user_id !== me?.id ? found.data : null;
  useNews(
    key,
    own.some(({ state }) => state === "running"),
  );
  const run = (what: () => Promise<unknown>) =>
    void attempt(async () => {
      await what();
      await readAnew(queries, { queryKey: key });
    });
  return (
    <section>
      <h3>{t("exports.conversation")}</h3>
      <p className="note">{t("exports.conversation.about")}</p>
      {asked ? (
        <div className="buttons">
          <p>{t("exports.asked", { time: formatFull(asked.created_at) })}</p>
          {asked.consents.find(({ user_id }) => user_id === me?.id)?.state === "given" ? null : (
            <button
              type="button"
              className="primary"
              onClick={() => run(() => messenger.rest.consentToExport(id, asked.id, true))}
            >
              {t("exports.agree")}
            </button>
          )}
          <button
            type="button"
            onClick={() => run(() => messenger.rest.consentToExport(id, asked.id, false))}
          >
            {t("exports.refuse")}
          </button>
        </div>
      ) : null}
      <Copies items={own} />
      <button type="button" onClick={() => run(() => messenger.rest.exportConversation(id))}>
        {t("exports.make")}
      </button>
    </section>
  );
}
