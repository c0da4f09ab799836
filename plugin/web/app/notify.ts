// SPDX-License-Identifier: GPL-3.0-or-later
// Tells of new messages when nobody looks: by the browser's notifications, by sound, and in the page's title.
import { type Conversation, titleOf, totalUnread } from "../client";
import { isMuted } from "../client/MessagingState";
import type { Message } from "../client/types";
import { t } from "../i18n";
import { messenger } from "./client";
import { config } from "./config";
import { go, threadPath } from "./routes";
import { previewOf } from "./shared/preview";
import { keepNotice } from "./stores/notices";
import { isQuietTime, preferences } from "./stores/preferences";
import { showToast } from "./stores/toasts";

function isQuiet(conversation: Conversation, message: Message): boolean {
  if (isMuted(conversation)) return true;
  if (conversation.request === "pending" || conversation.notify === "none") return true;
  const me = messenger.state.getState().me;
  const isMentioned = (message.mentions as { user_id?: string }[]).some(
    (mention) => mention.user_id === me?.id,
  );
  return conversation.notify === "mentions" && !isMentioned;
}

let audio: AudioContext | null = null;

/** Two short notes; made here, so that there is no file to load. */
export function beep(frequency = 660, times = 2): void {
  try {
    audio ??= new AudioContext();
    for (let i = 0; i < times; i++) {
      const tone = audio.createOscillator();
      const gain = audio.createGain();
      const start = audio.currentTime + i * 0.15;
      tone.frequency.value = frequency * (1 + i * 0.25);
      gain.gain.setValueAtTime(0.08, start);
      gain.gain.exponentialRampToValueAtTime(0.001, start + 0.13);
      tone.connect(gain).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.14);
    }
  } catch {
    // No sound is no harm.
  }
}

function tell(message: Message, conversation: Conversation | undefined): void {
  if (!conversation || message.message_type === "system" || isQuiet(conversation, message)) return;
  const { activeConversation } = messenger.state.getState();
  if (messenger.isLooking() && activeConversation === conversation.id) return;
  if (!messenger.isLeading || isQuietTime()) return; // another tab tells, or nobody wants to know now
  const { notify, sound } = preferences.getState();
  if (sound) beep();
  if (
    !notify ||
    typeof Notification === "undefined" ||
    Notification.permission !== "granted" ||
    messenger.isLooking()
  )
    return;
  const shown = new Notification(titleOf(conversation, messenger.state.getState().me), {
    body: previewOf(message),
    tag: conversation.id,
    icon: "/icon.svg",
  });
  shown.onclick = () => {
    window.focus();
    go(threadPath(conversation.id));
    shown.close();
  };
}

/** What is not a message, and wants to be known all the same. */
function tellOthers(): void {
  messenger.socket.on("export.consent", ({ payload }) => {
    const { conversation_id: id, user_id: user } = payload as {
      conversation_id: string | null;
      user_id: string;
    };
    if (!id || user === messenger.state.getState().me?.id) return;
    const path = `/c/${id}/info`;
    keepNotice(t("exports.wanted"), path);
    showToast(t("exports.wanted"), { label: t("list.show"), run: () => go(path) });
  });
  messenger.socket.on("export.ready", () => {
    keepNotice(t("exports.there"), "/settings");
    showToast(t("exports.there"), { label: t("list.show"), run: () => go("/settings") });
  });
  messenger.socket.on("announcement", ({ payload }) => {
    const { subject, body } = payload as { subject?: string | null; body: string };
    const text = [subject, body].filter(Boolean).join(": ");
    keepNotice(text, null);
    showToast(text, { label: t("close"), run: () => {} });
  });
}

export function startNotifying(): void {
  messenger.onMessage = tell;
  tellOthers();
  config.subscribe(({ name }) => {
    document.title = name ?? t("app.name");
  });
  messenger.state.subscribe((state) => {
    const unread = totalUnread(state);
    const name = config.getState().name ?? t("app.name");
    document.title = unread > 0 ? `(${unread}) ${name}` : name;
    const badge = navigator as Navigator & {
      setAppBadge?: (n: number) => Promise<void>;
      clearAppBadge?: () => Promise<void>;
    };
    void (unread > 0 ? badge.setAppBadge?.(unread) : badge.clearAppBadge?.())?.catch(() => {});
  });
}
