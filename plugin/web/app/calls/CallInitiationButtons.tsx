// SPDX-License-Identifier: GPL-3.0-or-later
import { Phone, Video } from "lucide-react";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { useOffers } from "../client";
import { useCallInitiate } from "../hooks";
import { IconButton } from "../shared/small";

type Properties = { conversation: Conversation; name: string; isOffline: boolean };

/** Both stay reachable when they do nothing, and say why. */
export function CallInitiationButtons({ conversation, name, isOffline }: Properties) {
  const { initiate, isBusy } = useCallInitiate();
  const isOffered = useOffers("calls");
  if (!isOffered) return null;
  // As WebRTCClient.isSupported, which comes with the first call.
  const isAble = typeof RTCPeerConnection !== "undefined";
  const whyNot = isBusy ? t("calls.busy") : isOffline ? t("calls.offline", { name }) : null;
  const why = isAble ? whyNot : t("calls.problem.unsupported");
  return (
    <>
      <IconButton
        label={t("calls.audio")}
        title={why ?? undefined}
        disabled={why !== null}
        onClick={() => void initiate(conversation, "audio")}
      >
        <Phone />
      </IconButton>
      <IconButton
        label={t("calls.video")}
        title={why ?? undefined}
        disabled={why !== null}
        onClick={() => void initiate(conversation, "video")}
      >
        <Video />
      </IconButton>
    </>
  );
}
