// SPDX-License-Identifier: GPL-3.0-or-later
import { useCallback } from "react";
import { EMPTY } from "../../client/thread";
import type { Conversation } from "../../client/types";
import { calls, messenger, useCalls, useMessaging } from "../client";

export function useConversations() {
  const list = useMessaging((state) => state.lists.all);
  const conversations = useMessaging((state) => state.conversations);
  return {
    conversations: list.ids.map((id) => conversations[id]!),
    hasMore: list.hasMore,
    isLoading: list.loading,
  };
}

export function useMessages(conversation: string) {
  const thread = useMessaging((state) => state.messages[conversation] ?? EMPTY);
  const loadOlder = useCallback(() => messenger.pages.loadOlder(conversation), [conversation]);
  const loadNewer = useCallback(() => messenger.pages.loadNewer(conversation), [conversation]);
  return { thread, loadOlder, loadNewer };
}

export function useCallInitiate() {
  const status = useCalls((state) => state.callStatus);
  const isBusy = !["idle", "ended"].includes(status);
  const initiate = useCallback(
    (conversation: Conversation, kind: "audio" | "video") => calls.initiate(conversation, kind),
    [],
  );
  return { initiate, isBusy };
}

export const useCallAnswer = () => useCallback((withVideo?: boolean) => calls.accept(withVideo), []);
export const useCallDecline = () => useCallback(() => calls.decline(), []);
export const useCallEnd = () => useCallback(() => calls.end(), []);

/** What goes to the other side of the call: mute, camera, screen. */
export function useCallSignal() {
  return {
    toggleMute: () => calls.toggleMute(),
    toggleCamera: () => calls.toggleCamera(),
    toggleScreen: () => calls.toggleScreen(),
  };
}

export const useActiveCall = () => useCalls((state) => state.activeCall);
