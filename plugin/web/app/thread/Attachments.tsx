// SPDX-License-Identifier: GPL-3.0-or-later
// Files of a message: pictures and videos, sounds, and what can only be saved.
import { Download, ExternalLink, FileIcon, Lock, Pause, Play, TriangleAlert } from "lucide-react";
import { type FormEvent, lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { fileState } from "../../client/files";
import { Problem } from "../../client/problem";
import type { Row } from "../../client/thread";
import type { File as StoredFile } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, messenger, useOffers } from "../client";
import { clockText, sizeText } from "../shared/times";
import { showToast } from "../stores/toasts";

const MediaViewer = lazy(() => import("./MediaViewer"));
const WIDTH_MAX = 320; // pixels, as the style sheet has it
const HEIGHT_MAX = 320;

/** Links last an hour: FILE, with new ones once they are needed and were refused. */
export function useFile(file: StoredFile): [StoredFile, () => void] {
  const [fresh, setFresh] = useState<StoredFile | null>(null);
  const asked = useRef<string | null>(null);
  const renew = useCallback(() => {
    const links = file.download_url ?? file.status;
    if (asked.current === links) return; // these were refused before: it is not the links
    if (file.download_url) asked.current = links;
    messenger.rest.file(file.id).then(setFresh, () => {});
  }, [file]);
  return [fresh && !file.is_password_protected ? fresh : file, renew];
}

export function Attachments({ message }: { message: Row }) {
  const [shown, setShown] = useState<number | null>(null);
  const [opened, setOpened] = useState<Record<string, string>>({}); // links that passwords have got
  const files = (message.attachments ?? []).map((file) =>
    file.download_url || !opened[file.id] ? file : { ...file, download_url: opened[file.id]! },
  );
  const viewable = files.filter((file) => isViewable(file));
  return (
    <div className="attachments">
      {files.map((file) =>
        isViewable(file) ? (
          <MediaMessage key={file.id} file={file} onOpen={() => setShown(viewable.indexOf(file))} />
        ) : file.type === "audio" && file.download_url ? (
          <VoiceMessage key={file.id} file={file} message={message} />
        ) : (
          <FileMessage
            key={file.id}
            file={file}
            onOpened={(link) => setOpened((before) => ({ ...before, [file.id]: link }))}
          />
        ),
      )}
      <Suspense fallback={null}>
        {shown !== null ? (
          <MediaViewer files={viewable} first={shown} onClose={() => setShown(null)} />
        ) : null}
      </Suspense>
    </div>
  );
}

function isViewable(file: StoredFile): boolean {
  return (file.type === "image" || file.type === "video") && !!file.download_url;
}

/** The room is kept before the picture is there. A small one comes first, the whole one in the viewer. */
function MediaMessage({ file: given, onOpen }: { file: StoredFile; onOpen: () => void }) {
  const [file, renew] = useFile(given);
  const { width, height } = file;
  const scale = width && height ? Math.min(1, WIDTH_MAX / width, HEIGHT_MAX / height) : 1;
  const size =
    width && height
      ? { width: Math.round(width * scale), height: Math.round(height * scale) }
      : { width: 240, height: 160 };
  const small = file.parts?.find((part) => part.name.startsWith("600") || part.name.startsWith("300"))?.url;
  const picture = small ?? file.thumbnail_url ?? (file.type === "image" ? file.download_url : null);
  return (
    <button
      type="button"
      className="media"
      style={size}
      aria-label={`${file.type}: ${file.filename}`}
      onClick={onOpen}
    >
      {picture ? (
        <img src={picture} alt="" loading="lazy" decoding="async" onError={renew} {...size} />
      ) : (
        <FileIcon aria-hidden="true" />
      )}
      {file.type === "video" ? <Play className="play" aria-hidden="true" /> : null}
    </button>
  );
}

function bars(waveform: string | null): number[] {
  if (!waveform) return Array.from({ length: 32 }, () => 40);
  return [...atob(waveform)].map((character) => character.charCodeAt(0));
}

function VoiceMessage({ file: given, message }: { file: StoredFile; message: Row }) {
  const [file, renew] = useFile(given);
  const [playing, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const audio = useRef<HTMLAudioElement>(null);
  const levels = bars(file.waveform);
  const seconds = Math.round((file.duration_ms ?? 0) / 1000);
  const toggle = () => {
    const element = audio.current!;
    if (element.paused) void element.play().catch(renew);
    else element.pause();
  };
  return (
    <>
      <div className="voice">
        <audio
          ref={audio}
          src={file.download_url ?? undefined}
          preload="none"
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onEnded={() => setAt(0)}
          onError={renew}
          onTimeUpdate={(event) =>
            setAt(event.currentTarget.currentTime / (event.currentTarget.duration || 1))
          }
        >
          <track kind="captions" />
        </audio>
        <button
          type="button"
          className="icon"
          aria-label={t(playing ? "voice.pause" : "voice.play")}
          onClick={toggle}
        >
          {playing ? <Pause /> : <Play />}
        </button>
        <span className="wave" aria-hidden="true">
          {levels.map((level, i) => (
            <i
              // biome-ignore lint/suspicious/noArrayIndexKey: a place in the sound is its number
              key={i}
              className={i / levels.length < at ? "heard" : ""}
              style={{ height: `${15 + (level / 255) * 85}%` }}
            />
          ))}
        </span>
        <input
          type="range"
          className="seek"
          min="0"
          max="1"
          step="0.01"
          value={at}
          aria-label={t("voice.position")}
          onChange={(event) => {
            const element = audio.current!;
            if (element.duration) element.currentTime = Number(event.target.value) * element.duration;
          }}
        />
        <span>{seconds > 0 ? clockText(seconds) : ""}</span>
      </div>
      {message.message_type === "voice" && !message.pending ? <Transcript message={message} /> : null}
    </>
  );
}

type Spoken = { status: string; text?: string | null; language?: string | null };

/** What is said, in writing, once somebody has asked for it. */
function Transcript({ message }: { message: Row }) {
  const isOffered = useOffers("transcription");
  const [asked, setAsked] = useState<Spoken | null>(null);
  const known = (message.metadata as { transcription?: Spoken } | null)?.transcription;
  const spoken = known?.status === "complete" ? known : (asked ?? known);
  const ask = () =>
    void attempt(async () => {
      setAsked({ status: "pending" });
      try {
        setAsked(await messenger.needing("transcription", () => messenger.rest.transcribe(message.id)));
      } catch (error) {
        setAsked(null);
        if (!(error instanceof Problem && error.code === "forbidden")) throw error;
        showToast(t("translation.forbidden"));
      }
    });
  // What was asked for has come, or could not be had.
  useEffect(() => {
    if (known?.status === "failed") setAsked(null);
  }, [known]);
  if (spoken?.status === "complete") {
    return (
      <p className="body transcript" dir="auto" lang={spoken.language ?? undefined}>
        {spoken.text || t("voice.text.none")}
      </p>
    );
  }
  if (spoken?.status === "pending") return <p role="status">{t("voice.text.pending")}</p>;
  if (!isOffered) return null;
  return (
    <button type="button" className="plain" onClick={ask}>
      {t(spoken?.status === "failed" ? "voice.text.again" : "voice.text")}
    </button>
  );
}

type Opened = (link: string) => void;

function FileMessage({ file: given, onOpened }: { file: StoredFile; onOpened: Opened }) {
  const [file, renew] = useFile(given);
  const state = fileState(file);
  if (state === "locked") return <LockedFile file={file} onOpened={onOpened} />;
  const isElsewhere = state === "remote" && file.remote_url?.startsWith("https://");
  const link = isElsewhere ? file.remote_url : state === "ready" ? file.download_url : null;
  if (!link) return <WithheldFile file={file} state={state} renew={renew} />;
  const about = [
    file.size ? sizeText(file.size) : "",
    isElsewhere ? t("file.elsewhere", { host: file.url_host ?? "" }) : "",
    file.expires_at ? t("file.until", { time: formatFull(file.expires_at) }) : "",
  ];
  return (
    <a
      className="file"
      href={link}
      target="_blank"
      rel="noopener noreferrer nofollow"
      download={isElsewhere ? undefined : file.filename}
    >
      {isElsewhere ? <ExternalLink aria-hidden="true" /> : <Download aria-hidden="true" />}
      <span className="text">
        <bdi className="name">{file.filename}</bdi>
        <span>{about.filter(Boolean).join(", ")}</span>
      </span>
    </a>
  );
}

const PASSING = ["processing", "pending"];
const LOOK_AGAIN = 5_000;

/** There is nothing to be had, and why. What passes is looked at again by itself, as long as it is in sight. */
function WithheldFile({ file, state, renew }: { file: StoredFile; state: string; renew: () => void }) {
  const passes = PASSING.includes(state);
  useEffect(() => {
    if (!passes || !file) return;
    const timer = setTimeout(renew, LOOK_AGAIN);
    return () => clearTimeout(timer);
  }, [passes, file, renew]);
  return (
    <p className="file">
      {passes ? <FileIcon aria-hidden="true" /> : <TriangleAlert aria-hidden="true" />}
      <span className="text">
        <bdi className="name">{file.filename}</bdi>
        <span>{t(`file.${state}` as "file.processing")}</span>
      </span>
      {passes ? (
        <button type="button" onClick={renew}>
          {t("retry")}
        </button>
      ) : null}
    </p>
  );
}

function LockedFile({ file, onOpened }: { file: StoredFile; onOpened: Opened }) {
  const [password, setPassword] = useState("");
  const [isWrong, setWrong] = useState(false);
  const open = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      try {
        onOpened((await messenger.rest.unlockFile(file.id, password)).download_url);
      } catch (error) {
        if (!(error instanceof Problem && error.status === 403)) throw error;
        setWrong(true);
      }
    });
  };
  return (
    <form className="file locked" onSubmit={open}>
      <Lock aria-hidden="true" />
      <span className="text">
        <bdi className="name">{file.filename}</bdi>
        <label>
          {t("file.password")}
          <input
            type="password"
            value={password}
            autoComplete="off"
            required
            aria-invalid={isWrong || undefined}
            onChange={(event) => {
              setPassword(event.target.value);
              setWrong(false);
            }}
          />
        </label>
        {isWrong ? (
          <span role="alert" className="problem">
            {t("file.password.wrong")}
          </span>
        ) : null}
      </span>
      <button type="submit">{t("file.open")}</button>
    </form>
  );
}
