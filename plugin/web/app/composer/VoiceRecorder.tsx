// SPDX-License-Identifier: GPL-3.0-or-later
// Records while it is shown; what was said becomes a file like others.
import { Check, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { MediaProblem, mediaProblem } from "../../client/WebRTCClient";
import { t } from "../../i18n";
import { mediaText } from "../shared/media";
import { IconButton } from "../shared/small";
import { clockText } from "../shared/times";
import { showToast } from "../stores/toasts";

const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];
const LONGEST = 15 * 60; // seconds
const LEVELS = 40;

type Properties = { doneLabel?: string; onDone: (recording: (Blob & { name: string }) | null) => void };

export default function VoiceRecorder({ doneLabel, onDone }: Properties) {
  const [levels, setLevels] = useState<number[]>([]);
  const [seconds, setSeconds] = useState(0);
  const stop = useRef<((keep: boolean) => void) | null>(null);
  const done = useRef(onDone);
  done.current = onDone;

  useEffect(() => {
    let over = false;
    let letGo = () => {};
    void record((level, second) => {
      setLevels((before) => [...before, level].slice(-LEVELS));
      setSeconds(second);
      if (second >= LONGEST) stop.current?.(true);
    })
      .then((recording) => {
        letGo = () => void recording.stop();
        stop.current = (keep) => void recording.stop().then((blob) => done.current(keep ? blob : null));
        if (over) letGo();
      })
      .catch((error) => {
        if (over) return;
        showToast(mediaText(error instanceof MediaProblem ? error.reason : "not_found"));
        done.current(null);
      });
    return () => {
      over = true;
      stop.current = null;
      letGo();
    };
  }, []);

  return (
    <fieldset className="recorder" aria-label={t("voice.recording")}>
      <IconButton label={t("discard")} onClick={() => stop.current?.(false)}>
        <X />
      </IconButton>
      <span className="wave" aria-hidden="true">
        {levels.map((level, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a place in the sound is its number
          <i key={i} style={{ height: `${10 + level * 90}%` }} />
        ))}
      </span>
      <span role="timer">{clockText(seconds)}</span>
      <IconButton label={doneLabel ?? t("voice.done")} onClick={() => stop.current?.(true)}>
        <Check />
      </IconButton>
    </fieldset>
  );
}

async function record(onLevel: (level: number, seconds: number) => void) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true }).catch((error) => {
    throw mediaProblem(error);
  });
  const type = TYPES.find((name) => MediaRecorder.isTypeSupported(name));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const pieces: Blob[] = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  recorder.start(1000);
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  const began = Date.now();
  const timer = setInterval(() => {
    analyser.getByteTimeDomainData(samples);
    const loudest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0) / 128;
    onLevel(loudest, Math.floor((Date.now() - began) / 1000));
  }, 150);
  let ended: Promise<Blob & { name: string }> | null = null;
  const end = async () => {
    clearInterval(timer);
    if (recorder.state !== "inactive") {
      const stopped = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
      recorder.stop();
      await stopped;
    }
    for (const track of stream.getTracks()) track.stop();
    await context.close().catch(() => {});
    const plain = recorder.mimeType.split(";")[0]!;
    const name = `voice.${plain.endsWith("ogg") ? "ogg" : plain.endsWith("mp4") ? "m4a" : "webm"}`;
    return Object.assign(new Blob(pieces, { type: plain }), { name });
  };
  /** As often as one likes: there is one end. */
  const stop = () => {
    ended ??= end();
    return ended;
  };
  return { stop };
}
