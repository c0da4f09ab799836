// SPDX-License-Identifier: GPL-3.0-or-later
import { Phone, PhoneOff, Video } from "lucide-react";
import { useEffect, useId, useRef } from "react";
import type { Call, CallOffer, User } from "../../client/types";
import { t } from "../../i18n";
import { calls, messenger } from "../client";
import { useCallAnswer, useCallDecline } from "../hooks";
import { beep } from "../notify";
import { UserAvatar } from "../shared/UserAvatar";
import { isQuietTime, preferences } from "../stores/preferences";

const RING_EVERY = 2_000;

type Ringing = {
  who: User;
  title: string;
  about: string;
  isVideo: boolean;
  onAnswer: (withVideo: boolean) => void;
  onDecline: () => void;
};

function Window({ who, title, about, isVideo, onAnswer, onDecline }: Ringing) {
  const heading = useId();
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    answer.current?.focus();
    if (!preferences.getState().sound || isQuietTime()) return;
    const sound = () => {
      if (messenger.isLeading) beep(520, 3); // one tab rings
    };
    sound();
    const ring = setInterval(sound, RING_EVERY);
    return () => clearInterval(ring);
  }, []);
  return (
    <div className="ringing" role="alertdialog" aria-labelledby={heading} aria-modal="false">
      <UserAvatar name={who.name} picture={who.avatar_url} size="large" />
      <h2 id={heading}>{title}</h2>
      <p>{about}</p>
      <div className="buttons">
        <button ref={answer} type="button" className="answer" onClick={() => onAnswer(isVideo)}>
          {isVideo ? <Video aria-hidden="true" /> : <Phone aria-hidden="true" />}
          {t("calls.answer")}
        </button>
        {isVideo ? (
          <button type="button" onClick={() => onAnswer(false)}>
            <Phone aria-hidden="true" />
            {t("calls.answer.audio")}
          </button>
        ) : null}
        <button type="button" className="decline" onClick={onDecline}>
          <PhoneOff aria-hidden="true" />
          {t("calls.decline")}
        </button>
      </div>
    </div>
  );
}

export function RingingWindow({ call }: { call: Call }) {
  const accept = useCallAnswer();
  const decline = useCallDecline();
  const isVideo = call.call_type === "video";
  return (
    <Window
      who={call.caller}
      title={t("calls.ringing", { name: call.caller.name })}
      about={t(isVideo ? "calls.kind.video" : "calls.kind.audio")}
      isVideo={isVideo}
      onAnswer={(withVideo) => void accept(withVideo)}
      onDecline={() => void decline()}
    />
  );
}

/** Somebody asks to go on with a call in their place. */
export function OfferWindow({ offer }: { offer: CallOffer }) {
  return (
    <Window
      who={offer.with}
      title={t("calls.offered", { from: offer.from.name, name: offer.with.name })}
      about={t(offer.call_type === "video" ? "calls.video" : "calls.audio")}
      isVideo={offer.call_type === "video"}
      onAnswer={(withVideo) => void calls.takeOver(withVideo)}
      onDecline={() => void calls.declineOffer()}
    />
  );
}
