// SPDX-License-Identifier: GPL-3.0-or-later
// What can be done to a message. The server decides again; what it would refuse for sure is not offered.
import {
  Copy,
  Flag,
  Forward,
  History,
  Info,
  Languages,
  MessagesSquare,
  Pencil,
  Reply,
  Settings2,
  SmilePlus,
  Star,
  StarOff,
  Trash,
  Trash2,
} from "lucide-react";
import { isOwn, offers } from "../../client/MessagingState";
import type { Conversation, Message, User } from "../../client/types";
import { t } from "../../i18n";
import { attempt, messenger } from "../client";
import type { MenuItem } from "../shared/Menu";
import { wordsOf } from "../shared/preview";
import { translate, translationKey, translations, untranslate } from "../stores/translations";

export type MessageDialogName = "react" | "info" | "history" | "forward" | "report" | "files";
const EDIT_WITHIN = 15 * 60 * 1000;
const DELETE_WITHIN = 60 * 60 * 1000;

type What = {
  message: Message;
  conversation: Conversation;
  me: User | null;
  isStarred: boolean;
  onReply: (message: Message) => void;
  onEdit: (message: Message) => void;
  onThread: (root: string) => void;
  onDialog: (dialog: MessageDialogName) => void;
};

function mayModerate(conversation: Conversation, me: User | null): boolean {
  const own = conversation.participants.find(({ user }) => user.id === me?.id);
  return (
    conversation.type !== "direct" &&
    (own?.role !== "member" || (own?.permissions ?? []).includes("delete_messages"))
  );
}

export function messageActions(what: What): MenuItem[] {
  const { message, conversation, me, isStarred, onReply, onEdit, onThread, onDialog } = what;
  const own = isOwn(message, me);
  const age = Date.now() - Date.parse(message.created_at);
  const isText = message.message_type === "text";
  const can = (name: string) => offers(messenger.state.getState(), name);
  const items: (MenuItem | null)[] = [
    can("messages") ? { label: t("message.reply"), icon: <Reply />, run: () => onReply(message) } : null,
    can("messages")
      ? {
          label: t("threads.begin"),
          icon: <MessagesSquare />,
          run: () => onThread(message.thread_id ?? message.id),
        }
      : null,
    can("reactions")
      ? { label: t("message.react"), icon: <SmilePlus />, run: () => onDialog("react") }
      : null,
    own && isText && can("messages") && age < EDIT_WITHIN
      ? { label: t("message.edit"), icon: <Pencil />, run: () => onEdit(message) }
      : null,
    message.content
      ? {
          label: t("message.copy"),
          icon: <Copy />,
          run: () => void navigator.clipboard.writeText(wordsOf(message)),
        }
      : null,
    message.content && isText && can("translation") && !translations.getState()[translationKey(message)]
      ? { label: t("translation.do"), icon: <Languages />, run: () => void translate(message) }
      : null,
    translations.getState()[translationKey(message)]
      ? { label: t("translation.undo"), icon: <Languages />, run: () => untranslate(message) }
      : null,
    can("messages")
      ? { label: t("message.forward"), icon: <Forward />, run: () => onDialog("forward") }
      : null,
    {
      label: t(isStarred ? "message.unstar" : "message.star"),
      icon: isStarred ? <StarOff /> : <Star />,
      run: () => void attempt(() => messenger.star(message, !isStarred)),
    },
    own ? { label: t("message.info"), icon: <Info />, run: () => onDialog("info") } : null,
    message.is_edited
      ? { label: t("message.history"), icon: <History />, run: () => onDialog("history") }
      : null,
    own && message.attachments?.some(({ status }) => status !== "removed" && status !== "remote")
      ? { label: t("file.options"), icon: <Settings2 />, run: () => onDialog("files") }
      : null,
    own ? null : { label: t("message.report"), icon: <Flag />, run: () => onDialog("report") },
    {
      label: t("message.deleteme"),
      icon: <Trash />,
      danger: true,
      run: () => void attempt(() => messenger.remove(message, "me")),
    },
    (own && age < DELETE_WITHIN) || mayModerate(conversation, me)
      ? {
          label: t("message.deleteall"),
          icon: <Trash2 />,
          danger: true,
          run: () => {
            if (confirm(t("message.delete.sure"))) void attempt(() => messenger.remove(message, "everyone"));
          },
        }
      : null,
  ];
  return items.filter((item) => item !== null);
}
