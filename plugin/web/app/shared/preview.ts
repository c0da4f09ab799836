// SPDX-License-Identifier: GPL-3.0-or-later
// A message in one line: for the list, quotes and notifications.
import type { Message, Quote } from "../../client/types";
import { t } from "../../i18n";
import { messenger } from "../client";
import { systemText } from "./system";

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
      return `📞 ${message.content ?? t("message.call")}`;
    case "media":
    case "file":
    case "voice":
      return fileText(message);
    default:
      return message.content ?? t("message.unknown");
  }
}

export function previewOfQuote(quote: Quote): string {
  return quote.deleted ? t("thread.deleted") : (quote.content ?? t("message.unknown"));
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
