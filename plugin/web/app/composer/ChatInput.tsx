// SPDX-License-Identifier: GPL-3.0-or-later
import {
  BarChart3,
  CalendarClock,
  MapPin,
  Mic,
  Paperclip,
  Plus,
  SendHorizontal,
  Smile,
  Type,
  X,
} from "lucide-react";
import { type KeyboardEvent, lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { titleOf } from "../../client/MessagingState";
import type { Conversation, Message } from "../../client/types";
import type { Attached } from "../../client/Uploads";
import { t } from "../../i18n";
import { attempt, messenger, useMessaging, useOffers } from "../client";
import { LinkCard } from "../shared/LinkCard";
import { webLinks } from "../shared/links";
import { Menu } from "../shared/Menu";
import { previewOf } from "../shared/preview";
import { IconButton } from "../shared/small";
import { showToast } from "../stores/toasts";
import type { ComposerMode } from "../thread/ChatWindow";
import { AttachmentRow } from "./AttachmentRow";
import { ConflictBar } from "./ConflictBar";
import type { Suspicion } from "./LinkWatcher";
import { MentionList } from "./MentionList";
import { type Mentioned, mentionQuery, mentionsIn } from "./mentions";
import { browserListens } from "./speech";
import { useAttachments } from "./useAttachments";
import { useDraft } from "./useDraft";
import { useLinks } from "./useLinks";

const EmojiPicker = lazy(() => import("./EmojiPicker"));
const PollDialog = lazy(() => import("./PollDialog"));
const Dictation = lazy(() => import("./Dictation"));
const VoiceRecorder = lazy(() => import("./VoiceRecorder"));
const FileOptions = lazy(() => import("../thread/FileOptions"));
const LinkWarning = lazy(() => import("./LinkWarning"));
const ScheduleDialog = lazy(() => import("./ScheduleDialog"));
const CONTENT_MAX = 65_536; // bytes
const LINES = 5;
const LONG_PRESS = 600; // milliseconds

type Properties = {
  conversation: Conversation;
  mode: ComposerMode;
  onDone: () => void;
  onReply: (message: Message) => void;
  onEditLast: () => void;
};

export function ChatInput({ conversation, mode, onDone, onReply, onEditLast }: Properties) {
  const me = useMessaging((state) => state.me);
  const [text, setText] = useState("");
  const [mentioned, setMentioned] = useState<Mentioned[]>([]);
  const [query, setQuery] = useState<string | null>(null);
  const [dialog, setDialog] = useState<"emoji" | "poll" | "schedule" | "voice" | "dictation" | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const files = useAttachments(conversation.id);
  const [options, setOptions] = useState<Attached | null>(null);
  const links = useLinks(text);
  const [suspicion, setSuspicion] = useState<Suspicion | null>(null);
  const asking = useRef(false);
  const before = useRef<string | null>(null); // what was written when an edit began: it comes back when that ends
  const draft = useDraft(conversation, mode, before.current ?? text, setText, onReply);
  // The message that is edited, as it stands now: another device may have changed it, too.
  const live = useMessaging((state) =>
    mode.kind === "edit"
      ? state.messages[conversation.id]?.items.find(({ id }) => id === mode.message.id)
      : undefined,
  );
  const [known, setKnown] = useState<string | null>(null); // the other text, about which one has decided
  const edited =
    mode.kind === "edit" && live?.content && ![mode.message.content, known, text].includes(live.content)
      ? live.content
      : null;
  const name = titleOf(conversation, me);
  const takesFiles = useOffers("files");
  const writes = useOffers("messages");
  const dictates = useMessaging(() => messenger.takesDictation) || browserListens();

  useLayoutEffect(() => {
    const element = field.current!;
    element.style.height = "auto";
    const line = Number.parseFloat(getComputedStyle(element).lineHeight);
    element.style.height = `${Math.min(element.scrollHeight, line * LINES + 20)}px`;
    void text;
  }, [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is written now is kept once, when an edit begins
  useEffect(() => {
    if (mode.kind === "edit") {
      before.current ??= text;
      setKnown(null);
      setText(mode.message.content ?? "");
    } else if (before.current !== null) {
      setText(before.current);
      before.current = null;
    }
    if (mode.kind !== "new" || !matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, [mode]);

  const clear = () => {
    setText((now) => (now.startsWith(text) ? now.slice(text.length) : "")); // one may have gone on writing
    setMentioned([]);
    files.clear();
    links.clear();
    draft.clear();
    onDone();
  };
  const isTooLong = new TextEncoder().encode(text).length > CONTENT_MAX;
  const outgoing = () => {
    const mentions = mentionsIn(text.trim(), mentioned);
    const ids = files.items.map(({ upload }) => upload.file!.id);
    return {
      content: text.trim() || undefined,
      reply_to: mode.kind === "reply" ? mode.message.id : undefined,
      mentions: mentions.length > 0 ? mentions : undefined,
      attachments: ids.length > 0 ? ids : undefined,
      link_preview: links.preview ? { url: links.preview.url } : undefined,
    };
  };
  const canSend =
    writes &&
    !isTooLong &&
    (mode.kind === "edit"
      ? text.trim() !== ""
      : files.isReady && (text.trim() !== "" || files.items.length > 0));
  /** Asks before a link goes out that may lead astray. What has no link goes at once, in order. */
  const submit = async () => {
    if (!canSend || asking.current) return;
    asking.current = true;
    const found = webLinks(text).length > 0 ? await links.settle(text) : null;
    asking.current = false;
    if (found) setSuspicion(found);
    else send();
  };
  const send = () => {
    const content = text.trim();
    if (mode.kind === "edit") {
      const { message } = mode;
      if (content !== (live?.content ?? message.content))
        void attempt(() => messenger.edit(message, content));
      onDone();
    } else {
      messenger.send(conversation.id, outgoing());
      clear();
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229 || query !== null) return;
    if (event.key === "Enter" && !event.shiftKey && !matchMedia("(pointer: coarse)").matches) {
      event.preventDefault();
      void submit();
    } else if (event.key === "Escape" && mode.kind !== "new") onDone();
    else if (event.key === "ArrowUp" && text === "" && mode.kind === "new") {
      event.preventDefault();
      onEditLast();
    }
  };
  const insert = (what: string) => {
    if (!field.current) return; // somebody waited for words, and went on to another conversation
    const { selectionStart, selectionEnd, value } = field.current;
    setText(value.slice(0, selectionStart) + what + value.slice(selectionEnd));
    field.current.focus();
  };
  /** Words where the cursor is, apart from those before them. */
  const insertWords = (words: string) => {
    const { selectionStart = 0, value = "" } = field.current ?? {};
    insert(/\S$/.test(value.slice(0, selectionStart)) ? ` ${words}` : words);
  };
  const onChange = (value: string, caret: number) => {
    setText(value);
    setQuery(conversation.type === "direct" ? null : mentionQuery(value, caret));
    if (value && mode.kind !== "edit") messenger.typing(conversation.id);
    else messenger.stopTyping();
  };
  const choose = (who: Mentioned) => {
    const caret = field.current!.selectionStart;
    const start = caret - query!.length - 1;
    setText(`${text.slice(0, start)}@${who.name} ${text.slice(caret)}`);
    setMentioned([...mentioned, who]);
    setQuery(null);
    field.current!.focus();
  };

  return (
    <>
      <form
        className="composer"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          if (takesFiles) files.add(event.dataTransfer.files);
        }}
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {mode.kind === "new" ? null : <ModeBar mode={mode} onDone={onDone} />}
        {mode.kind !== "edit" && draft.theirs !== null ? (
          <ConflictBar
            kind="draft"
            theirs={draft.theirs}
            onTake={() => draft.choose(true)}
            onKeep={() => draft.choose(false)}
          />
        ) : null}
        {edited !== null ? (
          <ConflictBar
            kind="edit"
            theirs={edited}
            onTake={() => {
              setText(edited);
              setKnown(edited);
            }}
            onKeep={() => setKnown(edited)}
          />
        ) : null}
        {query !== null ? (
          <MentionList
            conversation={conversation}
            query={query}
            onChoose={choose}
            onClose={() => setQuery(null)}
            field={field}
          />
        ) : null}
        {links.preview && mode.kind !== "edit" ? (
          <LinkCard preview={links.preview} onDismiss={() => links.dismiss()} />
        ) : null}
        {files.items.length > 0 ? (
          <AttachmentRow
            items={files.items}
            previewOf={files.previewOf}
            onRemove={files.remove}
            onRetry={files.retry}
            onOptions={setOptions}
          />
        ) : null}
        <input
          ref={picker}
          type="file"
          multiple
          className="hidden"
          tabIndex={-1}
          aria-label={t("composer.files")}
          onChange={(event) => {
            files.add(event.target.files ?? []);
            event.target.value = "";
          }}
        />
        {dialog === "voice" ? (
          <Suspense fallback={null}>
            <VoiceRecorder
              onDone={(recording) => {
                setDialog(null);
                if (recording) files.add([recording], "voice");
              }}
            />
          </Suspense>
        ) : null}
        {dialog === "dictation" ? (
          <Suspense fallback={null}>
            <Dictation onText={insertWords} onClose={() => setDialog(null)} />
          </Suspense>
        ) : null}
        <div className="line">
          <Menu
            label={t("composer.more")}
            icon={<Plus />}
            items={[
              ...(takesFiles
                ? [{ label: t("composer.files"), icon: <Paperclip />, run: () => picker.current?.click() }]
                : []),
              ...(dictates
                ? [{ label: t("dictation.do"), icon: <Type />, run: () => setDialog("dictation") }]
                : []),
              { label: t("composer.poll"), icon: <BarChart3 />, run: () => setDialog("poll") },
              { label: t("composer.location"), icon: <MapPin />, run: () => sendLocation(conversation.id) },
              { label: t("composer.schedule"), icon: <CalendarClock />, run: () => setDialog("schedule") },
            ]}
          />
          <textarea
            ref={field}
            rows={1}
            dir="auto"
            value={text}
            aria-label={t("composer.label", { name })}
            placeholder={t("composer.placeholder")}
            aria-invalid={isTooLong || undefined}
            onChange={(event) => onChange(event.target.value, event.target.selectionStart)}
            onKeyDown={onKeyDown}
            onBlur={() => messenger.stopTyping()}
            onPaste={(event) => {
              if (event.clipboardData.files.length === 0 || !takesFiles) return;
              event.preventDefault();
              files.add(event.clipboardData.files);
            }}
          />
          {takesFiles ? (
            <IconButton label={t("composer.voice")} onClick={() => setDialog("voice")}>
              <Mic />
            </IconButton>
          ) : null}
          <IconButton label={t("composer.emoji")} onClick={() => setDialog("emoji")}>
            <Smile />
          </IconButton>
          <SendButton disabled={!canSend} onHold={() => setDialog("schedule")} />
        </div>
        {writes ? null : <p className="note">{t("composer.off")}</p>}
        {isTooLong ? (
          <p role="alert" className="problem">
            {t("composer.toolong")}
          </p>
        ) : null}
      </form>
      <Suspense fallback={null}>
        {dialog === "emoji" ? (
          <EmojiPicker
            onClose={() => setDialog(null)}
            onEmoji={(emoji) => {
              setDialog(null);
              insert(emoji);
            }}
          />
        ) : null}
        {options?.upload.file ? (
          <FileOptions files={[options.upload.file]} onClose={() => setOptions(null)} />
        ) : null}
        {suspicion ? (
          <LinkWarning
            suspicion={suspicion}
            onClose={() => setSuspicion(null)}
            onSend={() => {
              setSuspicion(null);
              send();
            }}
          />
        ) : null}
        {dialog === "poll" ? (
          <PollDialog conversation={conversation} onClose={() => setDialog(null)} />
        ) : null}
        {dialog === "schedule" ? (
          <ScheduleDialog
            conversation={conversation}
            message={text.trim() ? outgoing() : null}
            onDone={clear}
            onClose={() => setDialog(null)}
          />
        ) : null}
      </Suspense>
    </>
  );
}

/** What is edited or answered. */
function ModeBar({ mode, onDone }: { mode: Exclude<ComposerMode, { kind: "new" }>; onDone: () => void }) {
  return (
    <div className="mode">
      <span className="text">
        <strong>
          {mode.kind === "edit"
            ? t("composer.editing")
            : t("composer.replying", { name: mode.message.sender?.name ?? "" })}
        </strong>
        <bdi className="preview">{previewOf(mode.message)}</bdi>
      </span>
      <IconButton label={t("cancel")} onClick={onDone}>
        <X />
      </IconButton>
    </div>
  );
}

/** Sends; held for a while, it asks when. */
function SendButton({ disabled, onHold }: { disabled: boolean; onHold: () => void }) {
  const press = useRef<ReturnType<typeof setTimeout> | null>(null);
  return (
    <button
      type="submit"
      className="icon send"
      aria-label={t("composer.send")}
      title={t("composer.send")}
      disabled={disabled}
      onPointerDown={() => {
        press.current = setTimeout(onHold, LONG_PRESS);
      }}
      onPointerUp={() => press.current && clearTimeout(press.current)}
      onPointerLeave={() => press.current && clearTimeout(press.current)}
    >
      <SendHorizontal aria-hidden="true" />
    </button>
  );
}

function sendLocation(conversation: string): void {
  navigator.geolocation?.getCurrentPosition(
    ({ coords }) =>
      messenger.send(conversation, {
        message_type: "location",
        location: { lat: coords.latitude, lon: coords.longitude, accuracy: Math.round(coords.accuracy) },
      }),
    (error) => showToast(error.message),
  );
}
