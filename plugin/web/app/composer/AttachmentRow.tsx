// SPDX-License-Identifier: GPL-3.0-or-later
import { FileIcon, Lock, RotateCw, Settings2, X } from "lucide-react";
import { fileState } from "../../client/files";
import type { Attached } from "../../client/Uploads";
import { has, t } from "../../i18n";
import { IconButton } from "../shared/small";

type Properties = {
  items: Attached[];
  previewOf: (item: Attached) => string | null;
  onRemove: (item: Attached) => void;
  onRetry: (item: Attached) => void;
  onOptions: (item: Attached) => void;
};

export function AttachmentRow({ items, previewOf, onRemove, onRetry, onOptions }: Properties) {
  return (
    <ul className="attached">
      {items.map((item) => {
        const { upload } = item;
        const name = upload.source.name ?? "";
        const preview = previewOf(item);
        return (
          <li key={item.id} className={upload.state}>
            {preview ? <img src={preview} alt="" /> : <FileIcon aria-hidden="true" />}
            <bdi className="name">{name}</bdi>
            {upload.file?.is_password_protected ? (
              <Lock className="mark" role="img" aria-label={t("file.locked")} />
            ) : null}
            <State item={item} name={name} onRetry={onRetry} />
            {upload.state === "complete" ? (
              <IconButton label={`${t("file.options")}: ${name}`} onClick={() => onOptions(item)}>
                <Settings2 />
              </IconButton>
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

function State({ item, name, onRetry }: { item: Attached; name: string; onRetry: (item: Attached) => void }) {
  const { upload } = item;
  if (upload.state === "failed") {
    return (
      <IconButton label={`${t("retry")}: ${name}`} onClick={() => onRetry(item)}>
        <RotateCw />
      </IconButton>
    );
  }
  if (upload.state === "complete") {
    const key = `file.${fileState(upload.file!)}`;
    return has(key) && key !== "file.locked" ? <span className="note">{t(key)}</span> : null;
  }
  const percent = Math.round(upload.progress * 100);
  return (
    <progress max={100} value={percent} aria-label={t("composer.uploading", { name })}>
      {percent} %
    </progress>
  );
}
