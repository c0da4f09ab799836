// SPDX-License-Identifier: GPL-3.0-or-later
// What one may say of one's own files: what opens them, and when they end.
import { type FormEvent, useId, useState } from "react";
import type { File as StoredFile } from "../../client/types";
import { formatFull, t } from "../../i18n";
import { attempt, messenger } from "../client";
import { Dialog } from "../shared/small";
import { durationText } from "../shared/times";
import { showToast } from "../stores/toasts";

const LIVES = [3600, 86_400, 604_800, 2_592_000]; // seconds
const PASSWORD_MAX = 256; // bytes

export default function FileOptions({ files, onClose }: { files: StoredFile[]; onClose: () => void }) {
  return (
    <Dialog title={t("file.options")} onClose={onClose}>
      {files.map((file) => (
        <Options key={file.id} file={file} />
      ))}
    </Dialog>
  );
}

function Options({ file: given }: { file: StoredFile }) {
  const [file, setFile] = useState(given);
  const [password, setPassword] = useState("");
  const heading = useId();
  const change = (changes: { password?: string | null; expires_at?: string | null }) =>
    void attempt(async () => {
      const changed = await messenger.rest.updateFile(file.id, changes);
      setFile(changed);
      messenger.fileChanged(changed);
      setPassword("");
      showToast(t("settings.saved"));
    });
  const lock = (event: FormEvent) => {
    event.preventDefault();
    change({ password });
  };
  const isTooLong = new TextEncoder().encode(password).length > PASSWORD_MAX;
  return (
    <section aria-labelledby={heading}>
      <h3 id={heading}>
        <bdi>{file.filename}</bdi>
      </h3>
      <form onSubmit={lock}>
        <label>
          {t(file.is_password_protected ? "file.password.new" : "file.password.set")}
          <input
            type="password"
            value={password}
            autoComplete="new-password"
            aria-invalid={isTooLong || undefined}
            required
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <p className="note">{t("file.password.about")}</p>
        <div className="buttons">
          <button type="submit" disabled={isTooLong}>
            {t("save")}
          </button>
          {file.is_password_protected ? (
            <button type="button" onClick={() => change({ password: null })}>
              {t("file.password.remove")}
            </button>
          ) : null}
        </div>
      </form>
      <label>
        {t("file.ends")}
        <select
          value=""
          onChange={(event) => {
            const seconds = Number(event.target.value);
            change({
              expires_at: seconds > 0 ? new Date(Date.now() + seconds * 1000).toISOString() : null,
            });
          }}
        >
          <option value="" disabled>
            {file.expires_at ? formatFull(file.expires_at) : t("file.ends.never")}
          </option>
          {file.expires_at ? <option value="0">{t("file.ends.never")}</option> : null}
          {LIVES.map((seconds) => (
            <option key={seconds} value={seconds}>
              {t("file.ends.in", { time: durationText(seconds) })}
            </option>
          ))}
        </select>
      </label>
    </section>
  );
}
