// SPDX-License-Identifier: GPL-3.0-or-later
import { X } from "lucide-react";
import type { LinkPreview } from "../../client/types";
import { t } from "../../i18n";
import { hostOf, isOurs, isWeb } from "./links";
import { IconButton } from "./small";

/** What the page of a link says of itself. Its picture is this server's copy; others are not loaded. */
export function LinkCard({ preview, onDismiss }: { preview: LinkPreview; onDismiss?: () => void }) {
  if (!isWeb(preview.url) || !(preview.title || preview.description)) return null;
  const card = (
    <a className="linkcard" href={preview.url} target="_blank" rel="noopener noreferrer nofollow">
      {isOurs(preview.image_url) ? <img src={preview.image_url} alt="" loading="lazy" /> : null}
      <span className="text">
        <bdi className="site">{preview.site_name || hostOf(preview.url)}</bdi>
        {preview.title ? (
          <bdi className="name" dir="auto">
            {preview.title}
          </bdi>
        ) : null}
        {preview.description ? (
          <bdi className="about" dir="auto">
            {preview.description}
          </bdi>
        ) : null}
      </span>
    </a>
  );
  if (!onDismiss) return card;
  return (
    <div className="mode">
      {card}
      <IconButton label={t("composer.preview.remove")} onClick={onDismiss}>
        <X />
      </IconButton>
    </div>
  );
}
