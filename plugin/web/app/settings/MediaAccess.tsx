// SPDX-License-Identifier: GPL-3.0-or-later
// Whether the browser lets this page have microphone and camera: asked for here, and not only when somebody calls.
import { useEffect, useState } from "react";
import { MediaProblem, WebRTCClient } from "../../client/WebRTCClient";
import { t } from "../../i18n";
import { HelpedHeading } from "../shared/Help";
import { mediaText } from "../shared/media";
import { showToast } from "../stores/toasts";

const KINDS = ["microphone", "camera"] as const;
type Kind = (typeof KINDS)[number];

/** As the browser says it, which follows what is changed elsewhere; null: it does not say. */
function useAccess(kind: Kind): PermissionState | null {
  const [state, setState] = useState<PermissionState | null>(null);
  useEffect(() => {
    let status: PermissionStatus | null = null;
    let isOver = false;
    const read = () => status && setState(status.state);
    navigator.permissions?.query({ name: kind as PermissionName }).then(
      (found) => {
        if (isOver) return;
        status = found;
        status.addEventListener("change", read);
        read();
      },
      () => {}, // an older browser knows no such thing
    );
    return () => {
      isOver = true;
      status?.removeEventListener("change", read);
    };
  }, [kind]);
  return state;
}

export function MediaAccess() {
  return (
    <section>
      <HelpedHeading title={t("media.title")} topic="media" />
      {WebRTCClient.isSupported ? (
        KINDS.map((kind) => <Access key={kind} kind={kind} />)
      ) : (
        <p>{t("calls.problem.unsupported")}</p>
      )}
    </section>
  );
}

function Access({ kind }: { kind: Kind }) {
  const state = useAccess(kind);
  const ask = async () => {
    try {
      await WebRTCClient.ask(kind === "camera" ? "video" : "audio");
      showToast(t("media.works"));
    } catch (error) {
      showToast(mediaText(error instanceof MediaProblem ? error.reason : "failed"));
    }
  };
  return (
    <>
      <p>
        {t(`media.${kind}`)}: <span role="status">{t(`media.${state ?? "unknown"}`)}</span>
      </p>
      {state === "denied" ? (
        <p className="note">{mediaText("denied")}</p>
      ) : (
        <button type="button" onClick={() => void ask()}>
          {t(`media.try.${kind}`)}
        </button>
      )}
    </>
  );
}
