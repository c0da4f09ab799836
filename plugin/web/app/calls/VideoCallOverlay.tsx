// SPDX-License-Identifier: GPL-3.0-or-later
import { Maximize2, MicOff, Minimize2, PictureInPicture2, Signal } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { CallState } from "../../client/CallState";
import { has, t } from "../../i18n";
import { calls, useCalls } from "../client";
import { useActiveCall } from "../hooks";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { CallControls } from "./CallControls";

function usePlayed<E extends HTMLMediaElement>(stream: MediaStream | null, volume: number) {
  const element = useRef<E>(null);
  useEffect(() => {
    if (element.current && element.current.srcObject !== stream) element.current.srcObject = stream;
    if (element.current) element.current.volume = volume;
  }, [stream, volume]);
  return element;
}

function useDuration(since: number | null, runs: boolean): string {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!since || !runs) return;
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, [since, runs]);
  if (!since) return "";
  const seconds = Math.max(0, Math.round((Date.now() - since) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function statusText(state: CallState, name: string): string {
  if (state.problem) {
    const key = `calls.problem.${state.problem}`;
    return has(key) ? t(key, { name }) : t("calls.problem.other", { reason: state.problem });
  }
  switch (state.callStatus) {
    case "initiating":
      return t("calls.calling");
    case "ringing":
      return t(state.remoteRinging ? "calls.rings" : "calls.calling");
    case "connecting":
      return t("calls.connecting");
    case "ended":
      return t("calls.ended");
    default:
      return t("calls.active");
  }
}

export function VideoCallOverlay() {
  const state = useCalls((now) => now);
  const [small, setSmall] = useState(false);
  const remote = usePlayed<HTMLVideoElement>(state.remoteStream, state.volume);
  const local = usePlayed<HTMLVideoElement>(state.localStream, 0);
  const duration = useDuration(state.connectedAt, state.callStatus === "active");
  const call = useActiveCall();
  const { peer } = state;
  const name = peer?.name || peer?.username || peer?.jid || "";
  const hasRemoteVideo =
    (state.remoteStream?.getVideoTracks().length ?? 0) > 0 && state.remote?.video !== false;
  const isOver = state.callStatus === "ended";
  const pip = () => {
    if (document.pictureInPictureElement) void document.exitPictureInPicture();
    else void remote.current?.requestPictureInPicture().catch(() => {});
  };
  return (
    <section className={`call ${small ? "small" : ""}`} aria-label={t("calls.active")}>
      <video ref={remote} className={hasRemoteVideo ? "remote" : "remote none"} autoPlay playsInline>
        <track kind="captions" />
      </video>
      {hasRemoteVideo ? null : <UserAvatar name={name} picture={peer?.avatar_url} size="large" />}
      {state.localStream && !isOver ? (
        <video
          ref={local}
          className={state.isCameraOff ? "local none" : "local"}
          autoPlay
          playsInline
          muted
        />
      ) : null}
      <div className="about">
        <bdi className="name">{name}</bdi>
        <span role="status">{statusText(state, name)}</span>
        {duration ? <span role="timer">{duration}</span> : null}
        {state.remote?.muted ? (
          <span className="peermuted">
            <MicOff aria-hidden="true" /> {t("calls.peermuted", { name })}
          </span>
        ) : null}
        {state.quality && !isOver ? (
          <span
            className="quality"
            data-level={state.quality.level}
            title={t("calls.quality", { level: state.quality.level, rtt: state.quality.rtt_ms ?? 0 })}
          >
            <Signal aria-hidden="true" />
            {state.quality.level}/4
          </span>
        ) : null}
        <span className="windows">
          {hasRemoteVideo && document.pictureInPictureEnabled ? (
            <IconButton label={t("calls.pip")} onClick={pip}>
              <PictureInPicture2 />
            </IconButton>
          ) : null}
          <IconButton label={t(small ? "calls.maximise" : "calls.minimise")} onClick={() => setSmall(!small)}>
            {small ? <Maximize2 /> : <Minimize2 />}
          </IconButton>
        </span>
      </div>
      {isOver ? (
        <button type="button" onClick={() => calls.dismiss()}>
          {t("close")}
        </button>
      ) : (
        <CallControls isVideo={call?.call_type === "video"} />
      )}
    </section>
  );
}
