// SPDX-License-Identifier: GPL-3.0-or-later
import { FileIcon, RotateCw, X } from "lucide-react";
import { t } from "../../i18n";
import { IconButton } from "../shared/small";
import type { Attached } from "./useAttachments";

type Properties = {
  items: Attached[];
  onRemove: (item: Attached) => void;
  onRetry: (item: Attached) => void;
};

export function AttachmentRow({ items, onRemove, onRetry }: Properties) {
  return (
    <ul className="attached">
      {items.map((item) => {
        const { upload } = item;
        const name = upload.source.name ?? "";
        const percent = Math.round(upload.progress * 100);
        return (
          <li key={item.id} className={upload.state}>
            {item.preview ? <img src={item.preview} alt="" /> : <FileIcon aria-hidden="true" />}
            <bdi className="name">{name}</bdi>
            {upload.state === "failed" ? (
              <IconButton label={`${t("retry")}: ${name}`} onClick={() => onRetry(item)}>
                <RotateCw />
              </IconButton>
            ) : upload.state !== "complete" ? (
              <progress max={100} value={percent} aria-label={t("composer.uploading", { name })}>
                {percent} %
              </progress>
            ) : null}
            <IconButton label={`${t("discard")}: ${name}`} onClick={() => onRemove(item)}>
              <X />
            </IconButton>
          </li>
        );
      })}
    </ul>
  );
}
