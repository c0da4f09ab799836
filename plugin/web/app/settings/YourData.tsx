// SPDX-License-Identifier: GPL-3.0-or-later
// What is kept of oneself, what may be done with it, and how to go.
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { DataSharing } from "../../client/types";
import { formatFull, plural, t } from "../../i18n";
import { attempt, messenger, queries, useOffers } from "../client";
import { takeTold } from "../shared/anew";
import { HelpedHeading } from "../shared/Help";
import { Dialog } from "../shared/small";
import { sizeText } from "../shared/times";
import { useAnew } from "../shared/useAnew";
import { showToast } from "../stores/toasts";

const SHARING: (keyof DataSharing)[] = ["assist", "analytics", "personalisation"];

export function YourData() {
  useAnew(["account"], ["account.updated"]);
  return (
    <>
      <section>
        <HelpedHeading title={t("data.title")} topic="data" />
        <Sharing />
        <KeptFor />
        <Room />
      </section>
      <Leaving />
    </>
  );
}

function Sharing() {
  const key = ["data-sharing"];
  const sharing = useQuery({ queryKey: key, queryFn: () => messenger.rest.dataSharing() });
  if (!sharing.data) return null;
  return (
    <>
      {SHARING.map((name) => (
        <label key={name} className="check">
          <input
            type="checkbox"
            checked={sharing.data[name]}
            onChange={(event) => {
              const { checked } = event.target;
              void attempt(async () =>
                takeTold(queries, key, await messenger.rest.updateDataSharing({ [name]: checked })),
              );
            }}
          />
          {t(`data.${name}`)}
        </label>
      ))}
    </>
  );
}

/** After how many days what one writes goes, everywhere. */
function KeptFor() {
  const key = ["retention"];
  const retention = useQuery({ queryKey: key, queryFn: () => messenger.rest.retention() });
  const [days, setDays] = useState<string | null>(null);
  if (!retention.data) return null;
  const { messages_days: now, messages_days_max: most } = retention.data;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      takeTold(queries, key, await messenger.rest.updateRetention(Number(days ?? now)));
      setDays(null);
      showToast(t("settings.saved"));
    });
  };
  return (
    <form onSubmit={submit}>
      <label>
        {t("data.keep")}
        <input
          type="number"
          min={0}
          max={most > 0 ? most : 36_500}
          step={1}
          required
          value={days ?? now}
          aria-describedby="data-keep"
          onChange={(event) => setDays(event.target.value)}
        />
      </label>
      <p className="note" id="data-keep">
        {most > 0 ? plural("data.keep.most", most) : t("data.keep.none")}
      </p>
      <button type="submit">{t("save")}</button>
    </form>
  );
}

function Room() {
  const hasFiles = useOffers("files");
  const limits = useQuery({
    queryKey: ["limits"],
    queryFn: () => messenger.rest.limits(),
    enabled: hasFiles,
    staleTime: 0,
  });
  const storage = limits.data?.storage;
  if (!storage) return null;
  const { used_bytes: used, limit_bytes: limit } = storage;
  return (
    <p>
      {limit ? t("data.room", { used: sizeText(used), limit: sizeText(limit) }) : sizeText(used)}
      {limit ? <meter min={0} max={limit} value={used} aria-label={t("data.room.meter")} /> : null}
    </p>
  );
}

function Leaving() {
  const [asking, setAsking] = useState(false);
  const account = useQuery({ queryKey: ["account"], queryFn: () => messenger.rest.account(), retry: false });
  if (account.data?.kind !== "hosted") return null;
  const { delete_at: end, held, jid } = account.data;
  const stay = () =>
    void attempt(async () => takeTold(queries, ["account"], await messenger.rest.restoreAccount()));
  return (
    <section>
      <h2>{t("leave.title")}</h2>
      {end ? (
        <>
          <p role="status">{t("leave.when", { time: formatFull(end) })}</p>
          {held ? <p>{t("leave.held")}</p> : null}
          <button type="button" className="primary" onClick={stay}>
            {t("leave.stay")}
          </button>
        </>
      ) : (
        <button type="button" className="danger" onClick={() => setAsking(true)}>
          {t("leave.do")}
        </button>
      )}
      {asking ? <LeaveDialog jid={jid} onClose={() => setAsking(false)} /> : null}
    </section>
  );
}

function LeaveDialog({ jid, onClose }: { jid: string; onClose: () => void }) {
  const [written, setWritten] = useState("");
  const leave = (event: FormEvent) => {
    event.preventDefault();
    void attempt(() => messenger.deleteAccount(jid));
  };
  return (
    <Dialog title={t("leave.do")} onClose={onClose}>
      <form onSubmit={leave}>
        <p>{t("leave.about")}</p>
        <label>
          {t("leave.confirm", { jid })}
          <input
            value={written}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            required
            onChange={(event) => setWritten(event.target.value)}
          />
        </label>
        <button
          type="submit"
          className="danger"
          disabled={written.trim().toLowerCase() !== jid.toLowerCase()}
        >
          {t("leave.do")}
        </button>
      </form>
    </Dialog>
  );
}
