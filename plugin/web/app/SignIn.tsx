// SPDX-License-Identifier: GPL-3.0-or-later
import { type FormEvent, useState } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { session, signInBy } from "./session";

export function SignIn() {
  const problem = useStore(session, (state) => state.problem);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await signInBy(code.trim());
    setBusy(false);
  };
  return (
    <main className="signin">
      <form onSubmit={submit}>
        <img src="/icon.svg" alt="" width="64" height="64" />
        <h1>{t("signin.title")}</h1>
        <p>{t("signin.text")}</p>
        {problem ? (
          <p role="alert" className="problem">
            {problem === "link" ? t("signin.failed") : problem}
          </p>
        ) : null}
        <label>
          {t("signin.code")}
          <input
            value={code}
            onChange={(event) => setCode(event.target.value)}
            autoComplete="one-time-code"
            spellCheck={false}
            required
          />
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {t("signin.go")}
        </button>
      </form>
    </main>
  );
}
