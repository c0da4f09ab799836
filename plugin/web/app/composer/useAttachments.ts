// SPDX-License-Identifier: GPL-3.0-or-later
// Files in the composer: they are uploaded at once, and stay there until the message is sent, also if one of them fails,
// if one looks at another conversation meanwhile, or if the page is loaded anew.
import { useCallback, useEffect, useRef } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import { fileState } from "../../client/files";
import type { Attached } from "../../client/Uploads";
import { t } from "../../i18n";
import { explain, messenger } from "../client";
import { showToast } from "../stores/toasts";

const FILES_MAX = 10;
const changes = createStore<{ count: number }>(() => ({ count: 0 }));
messenger.onUploads = () => changes.setState(({ count }) => ({ count: count + 1 }));
messenger.onUploadFailed = (problem) => showToast(explain(problem));

function isPicture({ upload }: Attached): boolean {
  const { type } = upload.source;
  return type.startsWith("image/") && type !== "image/svg+xml";
}

/** What can go with a message. */
function isGood({ upload }: Attached): boolean {
  return (
    upload.state === "complete" && !["infected", "held", "error", "removed"].includes(fileState(upload.file!))
  );
}

export function useAttachments(conversation: string) {
  useStore(changes, ({ count }) => count);
  const previews = useRef(new Map<string, string>());
  const items = messenger.uploads.of(conversation);

  useEffect(() => {
    const addresses = previews.current;
    return () => {
      for (const address of addresses.values()) URL.revokeObjectURL(address);
      addresses.clear();
    };
  }, []);
  for (const [id, address] of previews.current) {
    if (items.some((item) => item.id === id)) continue;
    URL.revokeObjectURL(address);
    previews.current.delete(id);
  }
  const previewOf = (item: Attached): string | null => {
    if (!isPicture(item)) return null;
    const known = previews.current.get(item.id);
    if (known) return known;
    const address = URL.createObjectURL(item.upload.source);
    previews.current.set(item.id, address);
    return address;
  };
  const add = useCallback(
    (files: Iterable<File | (Blob & { name: string })>, purpose: "attachment" | "voice" = "attachment") => {
      for (const file of files) {
        if (messenger.uploads.of(conversation).length >= FILES_MAX) {
          showToast(t("composer.toomany", { n: FILES_MAX }));
          break;
        }
        messenger.uploads.add(conversation, file, purpose);
      }
    },
    [conversation],
  );
  return {
    items,
    add,
    previewOf,
    remove: (item: Attached) => messenger.uploads.remove(item),
    retry: (item: Attached) => messenger.uploads.start(item),
    /** They are the message's now. */
    clear: useCallback(() => messenger.uploads.clear(conversation), [conversation]),
    isReady: items.every(isGood),
  };
}
