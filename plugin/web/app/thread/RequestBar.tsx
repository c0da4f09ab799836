// SPDX-License-Identifier: GPL-3.0-or-later
import { lazy, Suspense, useState } from "react";
import { otherOf, titleOf } from "../../client/MessagingState";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { go } from "../routes";

const ReportDialog = lazy(() => import("./ReportDialog"));

/** In place of the composer: somebody asks to be talked to, or is blocked. */
export function RequestBar({ conversation }: { conversation: Conversation }) {
  const me = useMessaging((state) => state.me);
  const other = otherOf(conversation, me);
  const [nick, setNick] = useState("");
  const [password, setPassword] = useState("");
  const [reporting, setReporting] = useState(false);
  const answer = (accept: boolean) =>
    void attempt(async () => {
      await messenger.answerRequest(conversation.id, accept, {
        nick: nick.trim() || undefined,
        password: password || undefined,
      });
      if (!accept) go("/", true);
    });
  if (conversation.blocked) {
    return (
      <div className="request">
        <p>{t("thread.blocked")}</p>
        {other ? (
          <button type="button" onClick={() => void attempt(() => messenger.rest.unblock(other.id))}>
            {t("info.unblock")}
          </button>
        ) : null}
      </div>
    );
  }
  return (
    <div className="request">
      <p>{t("thread.request", { name: titleOf(conversation, me) })}</p>
      {conversation.elsewhere ? (
        <>
          <label>
            {t("group.nick")}
            <input value={nick} maxLength={255} onChange={(event) => setNick(event.target.value)} />
          </label>
          <label>
            {t("group.password")}
            <input
              type="password"
              autoComplete="off"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </label>
        </>
      ) : null}
      <button type="button" className="primary" onClick={() => answer(true)}>
        {t("thread.accept")}
      </button>
      <button type="button" onClick={() => answer(false)}>
        {t("thread.decline")}
      </button>
      {other ? (
        <button
          type="button"
          className="danger"
          onClick={() => void attempt(() => messenger.rest.block(other.id))}
        >
          {t("info.block")}
        </button>
      ) : null}
      <button type="button" className="danger" onClick={() => setReporting(true)}>
        {t("message.report")}
      </button>
      <Suspense fallback={null}>
        {reporting ? (
          <ReportDialog
            what={other ? { user_id: other.id } : { conversation_id: conversation.id }}
            conversation={conversation.id}
            onClose={() => setReporting(false)}
          />
        ) : null}
      </Suspense>
    </div>
  );
}
