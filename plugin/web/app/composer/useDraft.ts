// SPDX-License-Identifier: GPL-3.0-or-later
// What is written and not sent: kept by the server every two seconds and when the page goes away, so that it is there on
// another device, too. With it the message that it answers. Never what an edit says. What another device writes meanwhile is
// shown, and where both have written, the person is asked.
import { useCallback, useEffect, useRef, useState } from "react";
import type { Conversation, Message } from "../../client/types";
import { messenger, useMessaging } from "../client";
import type { ComposerMode } from "../thread/ChatWindow";
import { DraftWatch } from "./drafts";

const SAVE_AFTER = 2_000;

export function useDraft(
  conversation: Conversation,
  mode: ComposerMode,
  text: string,
  setText: (text: string) => void,
  onReply: (message: Message) => void,
) {
  const { id } = conversation;
  const saved = useRef(conversation.draft?.content ?? "");
  const savedReply = useRef(conversation.draft?.reply_to ?? null);
  const reply = useRef(savedReply.current); // until the message is there that the draft answers, its id
  const isShown = useRef(false);
  if (mode.kind === "reply") {
    reply.current = mode.message.id;
    isShown.current = true;
  } else if (mode.kind === "new" && isShown.current) reply.current = null;
  const now = useRef(text);
  now.current = text;
  const watch = useRef(new DraftWatch());
  const [theirs, setTheirs] = useState<string | null>(null); // until it is chosen, nothing is saved
  const asking = useRef(theirs);
  asking.current = theirs;
  const isConnected = useMessaging((state) => state.connection === "connected");

  const save = useCallback(() => {
    const text = now.current;
    if (asking.current !== null) return;
    if (text === saved.current && (!text.trim() || reply.current === savedReply.current)) return;
    const before = saved.current;
    saved.current = text;
    savedReply.current = reply.current;
    watch.current.saving(text.trim() ? text : "");
    void (
      text.trim() ? messenger.rest.saveDraft(id, text, reply.current) : messenger.rest.removeDraft(id)
    ).catch(() => {
      if (saved.current === text) saved.current = before; // it is to be saved still
    });
  }, [id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the draft is taken up once, when the conversation is opened
  useEffect(() => {
    if (conversation.draft) setText(conversation.draft.content);
    let isGone = false;
    const answered = conversation.draft?.reply_to;
    if (answered) {
      void messenger.rest.message(answered).then(
        (message) => {
          if (!isGone && !message.deleted_at) onReply(message);
        },
        () => {},
      );
    }
    window.addEventListener("pagehide", save);
    return () => {
      isGone = true;
      window.removeEventListener("pagehide", save);
      save();
    };
  }, [id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the mode says what is answered
  useEffect(() => {
    if (text === saved.current && reply.current === savedReply.current) return;
    const timer = setTimeout(save, SAVE_AFTER);
    return () => clearTimeout(timer);
  }, [text, mode, save, theirs, isConnected]);

  const { draft } = conversation;
  const isEditing = mode.kind === "edit";
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is heard is judged once, against what is written then
  useEffect(() => {
    if (isEditing) return;
    const content = draft?.content ?? "";
    const step = watch.current.hear(draft, saved.current, now.current);
    if (step === "ask") setTheirs(content);
    else if (step === "take") {
      saved.current = content;
      setText(content);
    } else if (content === now.current) {
      saved.current = content; // both have written the same
      setTheirs(null);
    }
  }, [draft, isEditing]);

  /** The person has chosen: what the other device has, or what stands here. */
  const choose = (takes: boolean) => {
    saved.current = theirs ?? "";
    if (takes) setText(theirs ?? "");
    setTheirs(null);
  };

  const clear = useCallback(() => {
    now.current = "";
    reply.current = savedReply.current = null;
    const had = saved.current;
    saved.current = "";
    setTheirs(null);
    watch.current.saving("");
    if (had) void messenger.rest.removeDraft(id).catch(() => {});
  }, [id]);
  return { clear, theirs, choose };
}
