// SPDX-License-Identifier: GPL-3.0-or-later
import { otherOf, titleOf } from "../../client/MessagingState";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { go } from "../routes";

/** In place of the composer: somebody asks to be talked to, or is blocked. */
export function RequestBar({ conversation }: { conversation: Conversation }) {
  const me = useMessaging((state) => state.me);
  const other = otherOf(conversation, me);
  const answer = (accept: boolean) =>
    void attempt(async () => {
      await messenger.answerRequest(conversation.id, accept);
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
    </div>
  );
}
