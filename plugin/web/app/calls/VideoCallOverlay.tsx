// SPDX-License-Identifier: GPL-3.0-or-later
import { Maximize2, MessageSquare, MicOff, Minimize2, PictureInPicture2, Signal } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { CallState } from "../../client/CallState";
import type { Quality } from "../../client/WebRTCClient";
import { has, type Key, t } from "../../i18n";
import { calls, useCalls } from "../client";
import { useActiveCall } from "../hooks";
import { go, threadPath } from "../routes";
import { remedy } from "../shared/media";
import { IconButton } from "../shared/small";
import { clockText } from "../shared/times";
import { UserAvatar } from "../shared/UserAvatar";
import { CallControls } from "./CallControls";

type Routed = HTMLMediaElement & { setSinkId?: (device: string) => Promise<void> };

function usePlayed<E extends HTMLMediaElement>(stream: MediaStream | null, volume: number, speaker = "") {
  const element = useRef<E>(null);
  useEffect(() => {
    void (element.current as Routed | null)?.setSinkId?.(speaker).catch(() => {}); // unplugged: the system's own
  }, [speaker]);
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
  return clockText((Date.now() - since) / 1000);
}

function statusText(state: CallState, name: string): string {
  if (state.problem) {
    const key = `calls.problem.${state.problem}`;
    return has(key)
      ? `${t(key, { name })} ${remedy(state.problem)}`.trim()
      : t("calls.problem.other", { reason: state.problem });
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

const WIDE = "(min-width: 900px)"; // as the style sheet has it

export function VideoCallOverlay() {
  const state = useCalls((now) => now);
  const [view, setView] = useState<"full" | "small" | "beside">("full");
  const remote = usePlayed<HTMLVideoElement>(state.remoteStream, state.volume, state.speaker);
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
  // Beside the call where there is room, else behind it.
  const chat = () => {
    if (!call) return;
    setView(view === "beside" ? "full" : matchMedia(WIDE).matches ? "beside" : "small");
    if (view !== "beside") go(threadPath(call.conversation_id));
  };
  return (
    <section className={`call ${view}`} aria-label={t("calls.active")}>
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
        {state.quality && !isOver ? <Statistics quality={state.quality} /> : null}
        {state.handing ? (
          <span role="status">
            {t(`calls.handing.${state.handing.status}` as Key, { name: state.handing.to.name })}
          </span>
        ) : null}
        <span className="windows">
          {hasRemoteVideo && document.pictureInPictureEnabled ? (
            <IconButton label={t("calls.pip")} onClick={pip}>
              <PictureInPicture2 />
            </IconButton>
          ) : null}
          {call && !isOver ? (
            <IconButton label={t("calls.chat")} pressed={view === "beside"} onClick={chat}>
              <MessageSquare />
            </IconButton>
          ) : null}
          <IconButton
            label={t(view === "small" ? "calls.maximise" : "calls.minimise")}
            onClick={() => setView(view === "small" ? "full" : "small")}
          >
            {view === "small" ? <Maximize2 /> : <Minimize2 />}
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

/** How good the connection is, in a word; and in numbers for who asks. */
function Statistics({ quality }: { quality: Quality }) {
  const { level, rtt_ms, loss, jitter_ms, bitrate, picture, codecs } = quality;
  const lines: [Key, string | null][] = [
    ["calls.stats.rtt", rtt_ms === null ? null : `${rtt_ms} ms`],
    ["calls.stats.jitter", jitter_ms === null ? null : `${jitter_ms} ms`],
    ["calls.stats.loss", `${(loss * 100).toFixed(1)} %`],
    ["calls.stats.bitrate", bitrate === null ? null : `${Math.round(bitrate / 1000)} kbit/s`],
    ["calls.stats.picture", picture],
    ["calls.stats.codecs", codecs.join(", ") || null],
  ];
  return (
    <details className="statistics">
      <summary className="quality" data-level={level} title={t("calls.quality", { level, rtt: rtt_ms ?? 0 })}>
        <Signal aria-hidden="true" />
        <span className="hidden">{t("calls.quality", { level, rtt: rtt_ms ?? 0 })}</span>
        <span aria-hidden="true">{level}/4</span>
      </summary>
      <dl>
        {lines.map(([name, value]) =>
          value === null ? null : (
            <div key={name}>
              <dt>{t(name)}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </details>
  );
}
