// SPDX-License-Identifier: GPL-3.0-or-later
// A message in one line: for the list, quotes and notifications.
import type { Message, Quote } from "../../client/types";
import { t } from "../../i18n";
import { messenger } from "../client";
import { callText, systemText } from "./system";

type Previewed = Pick<Message, "content" | "message_type" | "metadata"> &
  Partial<Pick<Message, "deleted_at" | "attachments">>;

export function previewOf(message: Previewed): string {
  if (message.deleted_at) return t("thread.deleted");
  const metadata = message.metadata as { poll?: { question: string }; location?: { label?: string } } | null;
  switch (message.message_type) {
    case "system":
      return (
        message.content ??
        systemText(message.metadata, messenger.state.getState().people) ??
        t("message.unknown")
      );
    case "poll":
      return `📊 ${metadata?.poll?.question ?? message.content ?? ""}`;
    case "location":
      return `📍 ${metadata?.location?.label ?? t("message.location")}`;
    case "call":
      return `📞 ${wordsOf(message)}`;
    case "media":
    case "file":
    case "voice":
      return fileText(message);
    default:
      return message.content ?? t("message.unknown");
  }
}

/** KNOWN: the message itself, if it is there. */
export function previewOfQuote(quote: Quote, known?: Message): string {
  if (quote.deleted) return t("thread.deleted");
  if (quote.message_type === "call") return `📞 ${known ? wordsOf(known) : t("message.call")}`;
  return quote.content ?? t("message.unknown");
}

/** What a message says that has words: those of calls are made here, the server has them in one language. */
export function wordsOf(message: Previewed): string {
  if (message.message_type === "call")
    return callText(message.metadata) ?? message.content ?? t("message.call");
  return message.content ?? t("message.unknown");
}

function fileText(message: Previewed): string {
  const [first] = message.attachments ?? [];
  const kind =
    message.message_type === "voice"
      ? "voice"
      : first?.type === "image" || first?.type === "video"
        ? first.type
        : "file";
  const sign = { voice: "🎤", image: "🖼", video: "🎬", file: "📎" }[kind];
  const words = message.content ?? (kind === "file" ? first?.filename : null) ?? t(`preview.${kind}`);
  return `${sign} ${words}`;
}
