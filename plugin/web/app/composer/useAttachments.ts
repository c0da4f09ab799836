// SPDX-License-Identifier: GPL-3.0-or-later
// Files in the composer: they are uploaded at once, and stay there until the message is sent, also if one of them fails.
import { useCallback, useEffect, useReducer, useRef } from "react";
import { Upload } from "../../client/Upload";
import { t } from "../../i18n";
import { explain, messenger } from "../client";
import { showToast } from "../stores/toasts";

const FILES_MAX = 10;
export type Attached = { id: number; upload: Upload; preview: string | null };

export function useAttachments() {
  const [, changed] = useReducer((n: number) => n + 1, 0);
  const list = useRef<Attached[]>([]);
  const next = useRef(1);

  const start = useCallback((item: Attached) => {
    item.upload.onChange = changed;
    item.upload.start().catch((problem) => {
      if (item.upload.state === "failed") showToast(explain(problem));
    });
  }, []);
  const add = useCallback(
    (files: Iterable<File | (Blob & { name: string })>, purpose: "attachment" | "voice" = "attachment") => {
      for (const file of files) {
        if (list.current.length >= FILES_MAX) {
          showToast(t("composer.toomany", { n: FILES_MAX }));
          break;
        }
        const preview =
          file.type.startsWith("image/") && file.type !== "image/svg+xml" ? URL.createObjectURL(file) : null;
        const item = { id: next.current++, upload: new Upload(messenger.rest, file, purpose), preview };
        list.current = [...list.current, item];
        start(item);
      }
      changed();
    },
    [start],
  );
  const drop = useCallback((item: Attached) => {
    if (item.preview) URL.revokeObjectURL(item.preview);
    list.current = list.current.filter((other) => other !== item);
    changed();
  }, []);
  const remove = useCallback(
    (item: Attached) => {
      if (item.upload.state === "complete")
        void messenger.rest.removeFile(item.upload.file!.id).catch(() => {});
      else item.upload.cancel();
      drop(item);
    },
    [drop],
  );
  /** They are the message's now. */
  const clear = useCallback(() => {
    for (const item of list.current) drop(item);
  }, [drop]);

  useEffect(() => {
    return () => {
      for (const { preview } of list.current) if (preview) URL.revokeObjectURL(preview);
    };
  }, []);
  const items = list.current;
  return {
    items,
    add,
    remove,
    retry: start,
    clear,
    isReady: items.every(({ upload }) => upload.state === "complete"),
  };
}
