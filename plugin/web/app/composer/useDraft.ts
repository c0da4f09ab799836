// SPDX-License-Identifier: GPL-3.0-or-later
// What is written and not sent: kept by the server every two seconds and when the page goes away, so that it is there on
// another device, too. Never that of an edit.
import { useCallback, useEffect, useRef } from "react";
import type { Conversation } from "../../client/types";
import { messenger } from "../client";
import type { ComposerMode } from "../thread/ChatWindow";

const SAVE_AFTER = 2_000;

export function useDraft(
  conversation: Conversation,
  mode: ComposerMode,
  text: string,
  setText: (text: string) => void,
) {
  const { id } = conversation;
  const saved = useRef(conversation.draft?.content ?? "");
  const now = useRef({ text, isNew: mode.kind !== "edit", reply: null as string | null });
  now.current = { text, isNew: mode.kind !== "edit", reply: mode.kind === "reply" ? mode.message.id : null };

  const save = useCallback(() => {
    const { text, isNew, reply } = now.current;
    if (!isNew || text === saved.current) return;
    saved.current = text;
    void (text.trim() ? messenger.rest.saveDraft(id, text, reply) : messenger.rest.removeDraft(id)).catch(
      () => {},
    );
  }, [id]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the draft is taken up once, when the conversation is opened
  useEffect(() => {
    if (conversation.draft) setText(conversation.draft.content);
    window.addEventListener("pagehide", save);
    return () => {
      window.removeEventListener("pagehide", save);
      save();
    };
  }, [id]);
  useEffect(() => {
    if (text === saved.current) return;
    const timer = setTimeout(save, SAVE_AFTER);
    return () => clearTimeout(timer);
  }, [text, save]);

  const clear = useCallback(() => {
    now.current.text = "";
    const had = saved.current;
    saved.current = "";
    if (had) void messenger.rest.removeDraft(id).catch(() => {});
  }, [id]);
  return { clear };
}
