// SPDX-License-Identifier: GPL-3.0-or-later
// For a while, or until it is taken back, nothing makes a sound, and there are no notifications. Messages and calls
// come as always.
import { Bell, BellOff } from "lucide-react";
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { formatFull, t } from "../../i18n";
import { FOREVER, preferences, setPreference } from "../stores/preferences";

const HOUR = 3_600_000;
const MORNING = 8; // o'clock

/** The next time that it is morning here. */
export function nextMorning(now: Date): number {
  const morning = new Date(now.getFullYear(), now.getMonth(), now.getDate(), MORNING);
  if (morning <= now) morning.setDate(morning.getDate() + 1);
  return morning.getTime();
}

/** Until when it is quiet; 0: it is not. Renders again when that is over. */
export function useQuietUntil(): number {
  const until = useStore(preferences, (state) => state.quietUntil);
  const [, setOver] = useState(0);
  useEffect(() => {
    const left = until - Date.now();
    if (left <= 0 || until === FOREVER) return;
    const timer = setTimeout(() => setOver(until), left);
    return () => clearTimeout(timer);
  }, [until]);
  return until > Date.now() ? until : 0;
}

export function quietText(until: number): string {
  return until === FOREVER
    ? t("quiet.on")
    : t("quiet.until", { time: formatFull(new Date(until).toISOString()) });
}

export function DoNotDisturb() {
  const until = useQuietUntil();
  const be = (quietUntil: number) => void setPreference({ quietUntil });
  return (
    <section>
      <h2>{t("quiet.title")}</h2>
      <p className="note">
        {until ? <BellOff aria-hidden="true" /> : <Bell aria-hidden="true" />}
        <span role="status">{until ? quietText(until) : t("quiet.about")}</span>
      </p>
      <div className="buttons">
        {until ? (
          <button type="button" onClick={() => be(0)}>
            {t("quiet.off")}
          </button>
        ) : (
          <>
            <button type="button" onClick={() => be(Date.now() + HOUR)}>
              {t("quiet.hour")}
            </button>
            <button type="button" onClick={() => be(nextMorning(new Date()))}>
              {t("quiet.morning")}
            </button>
            <button type="button" onClick={() => be(FOREVER)}>
              {t("quiet.forever")}
            </button>
          </>
        )}
      </div>
    </section>
  );
}
