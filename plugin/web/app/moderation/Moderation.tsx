// SPDX-License-Identifier: GPL-3.0-or-later
// The queue of moderators of the staff: what was reported, with what was seen then, what was done about it, and appeals.
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { ModerationAction, Report } from "../../client/types";
import { formatFull, type Key, t } from "../../i18n";
import { attempt, messenger, queries, useOffers } from "../client";
import { readAnew } from "../shared/anew";
import { MoreButton, usePages } from "../shared/pages";
import { EmptyState, LoadingSpinner, Screen } from "../shared/small";
import { useAnew } from "../shared/useAnew";
import { HeldFiles, LookAtFile } from "./HeldFiles";

const STATES = ["open", "taken", "resolved", "dismissed"] as const;
const ACTIONS = ["warn", "delete", "mute", "kick", "ban", "restrict", "suspend"] as const;
const IN_GROUPS = ["mute", "kick", "ban"];
const HOURS = [1, 24, 168, 720];
const KEY = ["moderation"];
const anew = () => readAnew(queries, { queryKey: KEY });

export default function Moderation() {
  const [shown, setShown] = useState<(typeof STATES)[number] | "appeals" | "files">("open");
  const hasFiles = useOffers("files");
  useAnew(KEY, ["moderation.report", "moderation.appeal"]);
  return (
    <Screen
      title={t("moderation.title")}
      className="moderation"
      tools={
        <select
          aria-label={t("moderation.shown")}
          value={shown}
          onChange={(event) => setShown(event.target.value as typeof shown)}
        >
          {[...STATES, "appeals" as const, ...(hasFiles ? ["files" as const] : [])].map((state) => (
            <option key={state} value={state}>
              {t(`moderation.${state}`)}
            </option>
          ))}
        </select>
      }
    >
      {shown === "appeals" ? <Appeals /> : shown === "files" ? <HeldFiles /> : <Reports state={shown} />}
    </Screen>
  );
}

function Reports({ state }: { state: string }) {
  const { items, isPending, more } = usePages(
    ["moderation", "reports", state],
    (after) => messenger.rest.reports({ state, after }),
    0,
  );
  if (isPending) return <LoadingSpinner />;
  if (items.length === 0) return <EmptyState title={t("moderation.none")} />;
  return (
    <>
      {items.map((report) => (
        <ReportCard key={report.id} report={report} />
      ))}
      <MoreButton more={more} />
    </>
  );
}

function ReportCard({ report }: { report: Report }) {
  const [open, setOpen] = useState(false);
  const put = (state: string) =>
    void attempt(async () => {
      await messenger.rest.updateReport(report.id, state);
      await anew();
    });
  const closed = report.state === "resolved" || report.state === "dismissed";
  return (
    <section className="report" aria-label={t(`report.${report.reason}`)}>
      <h2>
        {t(`report.${report.reason}`)}{" "}
        <time dateTime={report.created_at}>{formatFull(report.created_at)}</time>
      </h2>
      <p>
        {t("moderation.about")} <bdi>{report.offender_jid ?? t(`moderation.${report.target_type}`)}</bdi>{" "}
        {t("moderation.by")} <bdi>{report.reporter_jid}</bdi>
      </p>
      {report.comment ? <p dir="auto">{report.comment}</p> : null}
      {report.note ? <p dir="auto">{report.note}</p> : null}
      <div className="buttons">
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t("moderation.details")}
        </button>
        {report.state === "open" ? (
          <button type="button" onClick={() => put("taken")}>
            {t("moderation.take")}
          </button>
        ) : null}
        <button type="button" onClick={() => put(closed ? "open" : "dismissed")}>
          {t(closed ? "moderation.reopen" : "moderation.dismiss")}
        </button>
      </div>
      {open ? <Details report={report} /> : null}
    </section>
  );
}

function Details({ report }: { report: Report }) {
  const whole = useQuery({
    queryKey: ["moderation", "report", report.id],
    queryFn: () => messenger.rest.reportShown(report.id),
    staleTime: 0,
  });
  if (!whole.data) return <LoadingSpinner />;
  return (
    <>
      <ol className="evidence" aria-label={t("moderation.evidence")}>
        {whole.data.evidence.messages.map((message) => (
          <li key={message.message_id} aria-current={message.message_id === report.target_id || undefined}>
            <bdi className="name">{message.sender_jid ?? ""}</bdi> <span dir="auto">{message.content}</span>
          </li>
        ))}
      </ol>
      {(whole.data.evidence.files ?? []).map((file) => (
        <div key={file.file_id} className="buttons">
          <bdi className="name">{file.filename}</bdi> <LookAtFile id={file.file_id} name={file.filename} />
        </div>
      ))}
      {whole.data.actions.map((action) => (
        <Action key={action.id} action={action} />
      ))}
      <Act report={report} />
    </>
  );
}

function Act({ report }: { report: Report }) {
  const [type, setType] = useState<string>("warn");
  const [reason, setReason] = useState("");
  const [hours, setHours] = useState(24);
  const can = ACTIONS.filter(
    (one) =>
      (one !== "delete" || report.target_type === "message") &&
      (!IN_GROUPS.includes(one) || report.conversation_id !== null),
  );
  const lasts = ["mute", "ban", "restrict", "suspend"].includes(type);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      await messenger.rest.moderate({
        type,
        reason: reason.trim(),
        report_id: report.id,
        ...(type === "delete" ? { message_id: report.target_id } : { user: report.offender_id ?? undefined }),
        ...(IN_GROUPS.includes(type) ? { conversation_id: report.conversation_id ?? undefined } : {}),
        ...(lasts && hours > 0 ? { duration_seconds: hours * 3600 } : {}),
      });
      setReason("");
      await anew();
    });
  };
  if (!report.offender_id && report.target_type !== "message") return null;
  return (
    <form className="act" onSubmit={submit}>
      <label>
        {t("moderation.action")}
        <select value={type} onChange={(event) => setType(event.target.value)}>
          {can.map((one) => (
            <option key={one} value={one}>
              {t(`moderation.do.${one}`)}
            </option>
          ))}
        </select>
      </label>
      {lasts ? (
        <label>
          {t("moderation.lasts")}
          <select value={hours} onChange={(event) => setHours(Number(event.target.value))}>
            {HOURS.map((n) => (
              <option key={n} value={n}>
                {t("moderation.hours", { n })}
              </option>
            ))}
            <option value={0}>{t("moderation.forever")}</option>
          </select>
        </label>
      ) : null}
      <label>
        {t("moderation.reason")}
        <input value={reason} onChange={(event) => setReason(event.target.value)} maxLength={1000} required />
      </label>
      <button type="submit" className="primary">
        {t("moderation.act")}
      </button>
    </form>
  );
}

function Action({ action }: { action: ModerationAction }) {
  const undo = () =>
    void attempt(async () => {
      await messenger.rest.undoAction(action.id);
      await anew();
    });
  return (
    <p>
      {t(`moderation.do.${action.type}` as Key)}: <bdi dir="auto">{action.reason}</bdi>{" "}
      {action.state === "taken_back" ? (
        t("moderation.undone")
      ) : (
        <button type="button" onClick={undo}>
          {t("moderation.undo")}
        </button>
      )}
    </p>
  );
}

function Appeals() {
  const { items, isPending, more } = usePages(
    ["moderation", "appeals"],
    (after) => messenger.rest.actions({ appealed: true, after }),
    0,
  );
  const decide = (id: string, decision: "granted" | "denied") =>
    void attempt(async () => {
      await messenger.rest.decideAppeal(id, decision);
      await anew();
    });
  if (isPending) return <LoadingSpinner />;
  if (items.length === 0) return <EmptyState title={t("moderation.none")} />;
  return (
    <>
      {items.map((action) => (
        <section key={action.id} className="report" aria-label={action.target_jid ?? undefined}>
          <h2>
            <bdi>{action.target_jid}</bdi>
          </h2>
          <Action action={action} />
          <p dir="auto">{action.appeal}</p>
          {action.decision ? (
            <p>{t(`moderation.${action.decision}`)}</p>
          ) : (
            <div className="buttons">
              <button type="button" className="primary" onClick={() => decide(action.id, "granted")}>
                {t("moderation.grant")}
              </button>
              <button type="button" onClick={() => decide(action.id, "denied")}>
                {t("moderation.deny")}
              </button>
            </div>
          )}
        </section>
      ))}
      <MoreButton more={more} />
    </>
  );
}
