// SPDX-License-Identifier: GPL-3.0-or-later
// Files that nobody gets until a moderator has decided, and a look at those, which is in the audit.
import { useState } from "react";
import type { HeldFile } from "../../client/types";
import { formatFull, has, t } from "../../i18n";
import { attempt, messenger, queries } from "../client";
import { readAnew } from "../shared/anew";
import { MoreButton, usePages } from "../shared/pages";
import { EmptyState, LoadingSpinner } from "../shared/small";
import { sizeText } from "../shared/times";

const KEY = ["moderation", "files"];

export function HeldFiles() {
  const { items, isPending, more } = usePages(KEY, (after) => messenger.rest.heldFiles(after), 0);
  if (isPending) return <LoadingSpinner />;
  if (items.length === 0) return <EmptyState title={t("moderation.none")} />;
  return (
    <>
      {items.map((file) => (
        <HeldFileCard key={file.id} file={file} />
      ))}
      <MoreButton more={more} />
    </>
  );
}

function HeldFileCard({ file }: { file: HeldFile }) {
  const decide = (decision: "release" | "remove") =>
    void attempt(async () => {
      try {
        await messenger.rest.decideFile(file.id, decision);
      } finally {
        await readAnew(queries, { queryKey: KEY }); // another moderator may have been faster
      }
    });
  return (
    <section className="report" aria-label={file.filename}>
      <h2>
        <bdi>{file.filename}</bdi> <time dateTime={file.created_at}>{formatFull(file.created_at)}</time>
      </h2>
      <p>
        {t("moderation.from")} <bdi>{file.owner_jid}</bdi>, {sizeText(file.size)}, <bdi>{file.mime_type}</bdi>
      </p>
      {file.reasons.length > 0 ? <p>{file.reasons.map(reasonText).join(", ")}</p> : null}
      <div className="buttons">
        <LookAtFile id={file.id} name={file.filename} />
        <button type="button" onClick={() => decide("release")}>
          {t("moderation.release")}
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => {
            if (confirm(t("moderation.remove.sure"))) decide("remove");
          }}
        >
          {t("moderation.remove")}
        </button>
      </div>
    </section>
  );
}

/** The words of what the daemon says by itself; a classifier's own are shown as they are. */
export function reasonText(reason: string): string {
  const key = `moderation.held.${reason}`;
  return has(key) ? t(key) : reason;
}

/** First a link is asked for, then one saves what it leads to: such a file is not shown in the page. */
export function LookAtFile({ id, name }: { id: string; name: string }) {
  const [link, setLink] = useState<string | null>(null);
  const ask = () =>
    void attempt(async () => {
      const { download_url } = await messenger.rest.lookAtFile(id);
      setLink(download_url);
    });
  if (!link) {
    return (
      <button type="button" onClick={ask}>
        {t("moderation.look")}
      </button>
    );
  }
  return (
    <a className="button" href={link} target="_blank" rel="noopener noreferrer" download={name}>
      {t("moderation.save")}
    </a>
  );
}
