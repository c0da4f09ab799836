// SPDX-License-Identifier: GPL-3.0-or-later
import { Phone, PhoneOff, Video } from "lucide-react";
import { useEffect, useId, useRef } from "react";
import type { Call } from "../../client/types";
import { t } from "../../i18n";
import { useCallAnswer, useCallDecline } from "../hooks";
import { beep } from "../notify";
import { UserAvatar } from "../shared/UserAvatar";
import { preferences } from "../stores/preferences";

const RING_EVERY = 2_000;

export function RingingWindow({ call }: { call: Call }) {
  const accept = useCallAnswer();
  const decline = useCallDecline();
  const heading = useId();
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    answer.current?.focus();
    if (!preferences.getState().sound) return;
    beep(520, 3);
    const ring = setInterval(() => beep(520, 3), RING_EVERY);
    return () => clearInterval(ring);
  }, []);
  const isVideo = call.call_type === "video";
  const { caller } = call;
  return (
    <div className="ringing" role="alertdialog" aria-labelledby={heading} aria-modal="false">
      <UserAvatar name={caller.name} picture={caller.avatar_url} size="large" />
      <h2 id={heading}>{t("calls.ringing", { name: caller.name })}</h2>
      <p>{t(isVideo ? "calls.kind.video" : "calls.kind.audio")}</p>
      <div className="buttons">
        <button ref={answer} type="button" className="answer" onClick={() => void accept(isVideo)}>
          {isVideo ? <Video aria-hidden="true" /> : <Phone aria-hidden="true" />}
          {t("calls.answer")}
        </button>
        {isVideo ? (
          <button type="button" onClick={() => void accept(false)}>
            <Phone aria-hidden="true" />
            {t("calls.answer.audio")}
          </button>
        ) : null}
        <button type="button" className="decline" onClick={() => void decline()}>
          <PhoneOff aria-hidden="true" />
          {t("calls.decline")}
        </button>
      </div>
    </div>
  );
}
