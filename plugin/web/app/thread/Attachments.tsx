// SPDX-License-Identifier: GPL-3.0-or-later
// Files of a message: pictures and videos, sounds, and what can only be saved.
import { Download, ExternalLink, FileIcon, Pause, Play } from "lucide-react";
import { lazy, Suspense, useRef, useState } from "react";
import type { Row } from "../../client/thread";
import type { File as StoredFile } from "../../client/types";
import { t } from "../../i18n";
import { messenger } from "../client";

const MediaViewer = lazy(() => import("./MediaViewer"));
const WIDTH_MAX = 320; // pixels, as the style sheet has it
const HEIGHT_MAX = 320;

export function sizeText(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: units[power],
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(bytes / 1000 ** power);
}

/** Links last an hour: FILE, with new ones once they are needed and were refused. */
export function useFile(file: StoredFile): [StoredFile, () => void] {
  const [fresh, setFresh] = useState<StoredFile | null>(null);
  const asked = useRef(false);
  const renew = () => {
    if (asked.current) return;
    asked.current = true;
    messenger.rest.file(file.id).then(setFresh, () => {});
  };
  return [fresh ?? file, renew];
}

export function Attachments({ message }: { message: Row }) {
  const [shown, setShown] = useState<number | null>(null);
  const files = message.attachments ?? [];
  const viewable = files.filter((file) => isViewable(file));
  return (
    <div className="attachments">
      {files.map((file) =>
        isViewable(file) ? (
          <MediaMessage key={file.id} file={file} onOpen={() => setShown(viewable.indexOf(file))} />
        ) : file.type === "audio" && file.download_url ? (
          <VoiceMessage key={file.id} file={file} />
        ) : (
          <FileMessage key={file.id} file={file} />
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

function VoiceMessage({ file: given }: { file: StoredFile }) {
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
    <div className="voice">
      <audio
        ref={audio}
        src={file.download_url ?? undefined}
        preload="none"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => setAt(0)}
        onError={renew}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime / (event.currentTarget.duration || 1))}
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
      <span>{seconds > 0 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : ""}</span>
    </div>
  );
}

function FileMessage({ file: given }: { file: StoredFile }) {
  const [file, renew] = useFile(given);
  const isElsewhere = file.status === "remote" && file.remote_url?.startsWith("https://");
  const about = [
    file.size ? sizeText(file.size) : "",
    isElsewhere ? t("file.elsewhere", { host: file.url_host ?? "" }) : "",
  ]
    .filter(Boolean)
    .join(", ");
  const link = isElsewhere ? file.remote_url : file.download_url;
  if (file.status === "removed" || !link) {
    return (
      <p className="file">
        <FileIcon aria-hidden="true" />
        <span className="text">
          <bdi className="name">{file.filename}</bdi>
          <span>{t(file.status === "removed" ? "file.removed" : "file.processing")}</span>
        </span>
        {file.status === "removed" ? null : (
          <button type="button" onClick={renew}>
            {t("retry")}
          </button>
        )}
      </p>
    );
  }
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
        <span>{about}</span>
      </span>
    </a>
  );
}
