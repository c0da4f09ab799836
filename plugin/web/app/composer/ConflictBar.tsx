// SPDX-License-Identifier: GPL-3.0-or-later
// Two devices have written different things: who wrote them chooses.
import { t } from "../../i18n";

type Properties = { kind: "draft" | "edit"; theirs: string; onTake: () => void; onKeep: () => void };

export function ConflictBar({ kind, theirs, onTake, onKeep }: Properties) {
  return (
    <div className="mode conflict" role="alert">
      <span className="text">
        <strong>{t(`conflict.${kind}`)}</strong>
        <bdi className="preview">{theirs}</bdi>
      </span>
      <button type="button" onClick={onTake}>
        {t("conflict.take")}
      </button>
      <button type="button" onClick={onKeep}>
        {t("conflict.keep")}
      </button>
    </div>
  );
}
