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
  X,
} from "lucide-react";
import { type KeyboardEvent, lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from "react";
import { titleOf } from "../../client/MessagingState";
import type { Conversation, Message } from "../../client/types";
import { t } from "../../i18n";
import { attempt, messenger, useMessaging } from "../client";
import { Menu } from "../shared/Menu";
import { previewOf } from "../shared/preview";
import { IconButton } from "../shared/small";
import { showToast } from "../stores/toasts";
import type { ComposerMode } from "../thread/ChatWindow";
import { AttachmentRow } from "./AttachmentRow";
import { suspiciousLink } from "./links";
import { MentionList } from "./MentionList";
import { type Mentioned, mentionQuery, mentionsIn } from "./mentions";
import { useAttachments } from "./useAttachments";
import { useDraft } from "./useDraft";

const EmojiPicker = lazy(() => import("./EmojiPicker"));
const PollDialog = lazy(() => import("./PollDialog"));
const VoiceRecorder = lazy(() => import("./VoiceRecorder"));
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
  const [dialog, setDialog] = useState<"emoji" | "poll" | "schedule" | "voice" | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const files = useAttachments();
  const press = useRef<ReturnType<typeof setTimeout> | null>(null);
  const before = useRef<string | null>(null); // what was written when an edit began: it comes back when that ends
  const draft = useDraft(conversation, mode, before.current ?? text, setText, onReply);
  const name = titleOf(conversation, me);

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
      setText(mode.message.content ?? "");
    } else if (before.current !== null) {
      setText(before.current);
      before.current = null;
    }
    if (mode.kind !== "new" || !matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, [mode]);

  const clear = () => {
    setText("");
    setMentioned([]);
    files.clear();
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
    };
  };
  const canSend =
    !isTooLong &&
    (mode.kind === "edit"
      ? text.trim() !== ""
      : files.isReady && (text.trim() !== "" || files.items.length > 0));
  const submit = () => {
    const content = text.trim();
    if (!canSend) return;
    const suspicious = suspiciousLink(content);
    if (suspicious && !confirm(t("composer.link", { host: suspicious }))) return;
    if (mode.kind === "edit") {
      const { message } = mode;
      if (content !== message.content) void attempt(() => messenger.edit(message, content));
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
      submit();
    } else if (event.key === "Escape" && mode.kind !== "new") onDone();
    else if (event.key === "ArrowUp" && text === "" && mode.kind === "new") {
      event.preventDefault();
      onEditLast();
    }
  };
  const insert = (what: string) => {
    const { selectionStart, selectionEnd } = field.current!;
    setText(text.slice(0, selectionStart) + what + text.slice(selectionEnd));
    field.current!.focus();
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
          files.add(event.dataTransfer.files);
        }}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {mode.kind !== "new" ? (
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
        {files.items.length > 0 ? (
          <AttachmentRow items={files.items} onRemove={files.remove} onRetry={files.retry} />
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
        <div className="line">
          <Menu
            label={t("composer.more")}
            icon={<Plus />}
            items={[
              { label: t("composer.files"), icon: <Paperclip />, run: () => picker.current?.click() },
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
              if (event.clipboardData.files.length === 0) return;
              event.preventDefault();
              files.add(event.clipboardData.files);
            }}
          />
          <IconButton label={t("composer.voice")} onClick={() => setDialog("voice")}>
            <Mic />
          </IconButton>
          <IconButton label={t("composer.emoji")} onClick={() => setDialog("emoji")}>
            <Smile />
          </IconButton>
          <button
            type="submit"
            className="icon send"
            aria-label={t("composer.send")}
            title={t("composer.send")}
            disabled={!canSend}
            onPointerDown={() => {
              press.current = setTimeout(() => setDialog("schedule"), LONG_PRESS);
            }}
            onPointerUp={() => press.current && clearTimeout(press.current)}
            onPointerLeave={() => press.current && clearTimeout(press.current)}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
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
