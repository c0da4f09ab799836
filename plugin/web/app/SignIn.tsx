// SPDX-License-Identifier: GPL-3.0-or-later
import { type FormEvent, useState } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { config } from "./config";
import { session, signInBy } from "./session";

export function SignIn() {
  const problem = useStore(session, (state) => state.problem);
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const { name, sign_in_url: elsewhere, password: takesPassword } = useStore(config);
  const sign = async (what: Parameters<typeof signInBy>[0]) => {
    setBusy(true);
    await signInBy(what);
    setBusy(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const text = code.trim();
    void sign(text.includes(".") ? { token: text } : { code: text });
  };
  const submitAccount = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void sign({ jid: String(form.get("jid")).trim(), password: String(form.get("password")) });
  };
  return (
    <main className="signin">
      <img src="/icon.svg" alt="" width="64" height="64" />
      <h1>{name ? `${t("signin.title")}: ${name}` : t("signin.title")}</h1>
      {problem ? (
        <p role="alert" className="problem">
          {problem === "link" || problem === "password"
            ? t(problem === "link" ? "signin.failed" : "signin.wrong")
            : problem}
        </p>
      ) : null}
      {elsewhere ? (
        <a className="button primary" href={elsewhere} rel="noopener noreferrer">
          {t("signin.elsewhere")}
        </a>
      ) : null}
      {takesPassword ? (
        <form onSubmit={submitAccount}>
          <label>
            {t("signin.jid")}
            <input name="jid" autoComplete="username" autoCapitalize="none" spellCheck={false} required />
          </label>
          <label>
            {t("file.password")}
            <input name="password" type="password" autoComplete="current-password" required />
          </label>
          <button type="submit" className="primary" disabled={busy}>
            {t("signin.go")}
          </button>
        </form>
      ) : null}
      <form onSubmit={submit}>
        <p>{t("signin.text")}</p>
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
