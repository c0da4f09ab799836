// SPDX-License-Identifier: GPL-3.0-or-later
// Words that are spoken instead of typed: by the server's service, else by the browser itself, where it can.
import { Check, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { language, t } from "../../i18n";
import { attempt, messenger } from "../client";
import { mediaText } from "../shared/media";
import { IconButton, LoadingSpinner } from "../shared/small";
import { showToast } from "../stores/toasts";
import { type Recognition, recognition } from "./speech";
import VoiceRecorder from "./VoiceRecorder";

type Properties = { onText: (text: string) => void; onClose: () => void };

export default function Dictation({ onText, onClose }: Properties) {
  const [byService] = useState(messenger.takesDictation);
  return byService ? (
    <ByService onText={onText} onClose={onClose} />
  ) : (
    <ByBrowser onText={onText} onClose={onClose} />
  );
}

function told(text: string, onText: (text: string) => void) {
  if (text) onText(text);
  else showToast(t("voice.text.none"));
}

function ByService({ onText, onClose }: Properties) {
  const [isAsked, setAsked] = useState(false);
  const isShown = useRef(true);
  useEffect(() => {
    isShown.current = true;
    return () => {
      isShown.current = false;
    };
  }, []);
  const ask = (sound: Blob & { name: string }) => {
    setAsked(true);
    void attempt(async () => told(await messenger.dictate(sound), onText)).finally(
      () => isShown.current && onClose(),
    );
  };
  if (isAsked) return <LoadingSpinner label={t("voice.text.pending")} />;
  return (
    <VoiceRecorder doneLabel={t("dictation.done")} onDone={(sound) => (sound ? ask(sound) : onClose())} />
  );
}

function ByBrowser({ onText, onClose }: Properties) {
  const [words, setWords] = useState("");
  const listener = useRef<Recognition | null>(null);
  const last = useRef({ onText, onClose });
  last.current = { onText, onClose };
  useEffect(() => {
    const Made = recognition();
    if (!Made) return last.current.onClose();
    const ours = new Made();
    let heard = "";
    listener.current = ours;
    ours.lang = language.getState().code;
    ours.continuous = true;
    ours.interimResults = true;
    ours.onresult = ({ results }) => {
      heard = Array.from(results, (result) => result[0]?.transcript ?? "").join("");
      setWords(heard);
    };
    ours.onerror = ({ error }) => {
      if (error === "not-allowed") showToast(mediaText("denied"));
      else if (error !== "aborted" && error !== "no-speech") showToast(t("dictation.failed"));
    };
    ours.onend = () => {
      if (heard.trim()) last.current.onText(heard.trim());
      last.current.onClose();
    };
    ours.start();
    return () => {
      ours.onend = ours.onerror = ours.onresult = null;
      ours.abort();
    };
  }, []);
  return (
    <fieldset className="recorder" aria-label={t("voice.recording")}>
      <IconButton label={t("discard")} onClick={onClose}>
        <X />
      </IconButton>
      <bdi className="heard" aria-live="polite">
        {words || t("voice.recording")}
      </bdi>
      <IconButton label={t("dictation.done")} onClick={() => listener.current?.stop()}>
        <Check />
      </IconButton>
    </fieldset>
  );
}
