// SPDX-License-Identifier: GPL-3.0-or-later
import { ChevronLeft, ChevronRight, Download } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { File as StoredFile } from "../../client/types";
import { t } from "../../i18n";
import { Dialog, IconButton } from "../shared/small";
import { useFile } from "./Attachments";

/** Pictures and videos as large as the window; arrows go from one to the next. */
export default function MediaViewer({
  files,
  first,
  onClose,
}: {
  files: StoredFile[];
  first: number;
  onClose: () => void;
}) {
  const [at, setAt] = useState(first);
  const step = useCallback(
    (by: number) => setAt((now) => (now + by + files.length) % files.length),
    [files.length],
  );
  useEffect(() => {
    const onKeyDown = ({ key }: KeyboardEvent) => {
      if (key === "ArrowLeft") step(-1);
      else if (key === "ArrowRight") step(1);
    };
    document.addEventListener("keydown", onKeyDown, true);
    return () => document.removeEventListener("keydown", onKeyDown, true);
  }, [step]);
  return (
    <Dialog title={files[at]!.filename} onClose={onClose} className="viewer">
      <fieldset aria-label={`${at + 1} / ${files.length}`}>
        <Medium key={files[at]!.id} file={files[at]!} />
        {files.length > 1 ? (
          <div className="buttons">
            <IconButton label={t("viewer.previous")} onClick={() => step(-1)}>
              <ChevronLeft />
            </IconButton>
            <IconButton label={t("viewer.next")} onClick={() => step(1)}>
              <ChevronRight />
            </IconButton>
          </div>
        ) : null}
      </fieldset>
    </Dialog>
  );
}

function Medium({ file: given }: { file: StoredFile }) {
  const [file, renew] = useFile(given);
  return (
    <>
      {file.type === "video" ? (
        <Video file={file} renew={renew} />
      ) : (
        <img src={file.download_url!} alt={file.filename} onError={renew} />
      )}
      <a className="button" href={file.download_url!} download={file.filename}>
        <Download aria-hidden="true" />
        {t("file.save")}
      </a>
    </>
  );
}

const HLS = "application/vnd.apple.mpegurl";

/** In pieces if there are any, so that it begins at once: by the browser, else by a player of ours; else as one file. */
function Video({ file, renew }: { file: StoredFile; renew: () => void }) {
  const element = useRef<HTMLVideoElement>(null);
  const { stream_url: stream, download_url: whole } = file;
  useEffect(() => {
    const video = element.current!;
    let isGone = false;
    let end: (() => void) | null = null;
    const asFile = () => {
      video.removeAttribute("crossorigin");
      if (!isGone) video.src = whole!;
    };
    if (!stream) asFile();
    else if (video.canPlayType(HLS)) {
      video.crossOrigin = "anonymous"; // else a browser takes no pieces from another host; that lets all pages read them
      video.src = stream;
      video.addEventListener("error", asFile, { once: true });
    } else {
      import("./hls")
        .then(({ playStream }) => {
          if (isGone) return;
          end = playStream(video, stream, asFile);
          if (!end) asFile();
        })
        .catch(asFile);
    }
    return () => {
      isGone = true;
      video.removeEventListener("error", asFile);
      end?.();
      video.removeAttribute("src");
    };
  }, [stream, whole]);
  const onError = () => {
    if (element.current?.getAttribute("src") === whole) renew();
  };
  return (
    <video ref={element} poster={file.thumbnail_url ?? undefined} controls playsInline onError={onError}>
      <track kind="captions" />
    </video>
  );
}
