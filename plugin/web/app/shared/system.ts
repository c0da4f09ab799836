// SPDX-License-Identifier: GPL-3.0-or-later
// What nobody said: the server tells by kind and ids what has changed, the words are made here.
import { has, plural, t } from "../../i18n";
import { clockText } from "./times";

type System = {
  system_type?: string;
  actor?: string | null;
  target?: string | null;
  targets?: string[];
  role?: string;
  name?: string | null;
  description?: string | null;
  seconds?: number;
};

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** PEOPLE are those whose names are known, by their ids. Null: no words fit. */
export function systemText(metadata: unknown, people: Record<string, { name: string }>): string | null {
  const what = (metadata ?? {}) as System;
  const name = (id: string) => people[id]?.name || t("system.somebody");
  const targets = what.targets?.length ? what.targets : what.target ? [what.target] : [];
  const values = {
    actor: what.actor ? name(what.actor) : "",
    target: targets.map(name),
    name: what.name ?? "",
    role: roleName(what.role),
    time: what.seconds ? duration(what.seconds) : "",
  };
  // The system has no name, and who did it to themselves is named once.
  const isAlone = !what.actor || (targets.length === 1 && targets[0] === what.actor);
  const keys = [`system.${formOf(what)}.alone`, `system.${formOf(what)}`];
  const key = keys.slice(isAlone ? 0 : 1).find(has);
  return key && has(key) ? t(key, values) : null;
}

/** What became empty has words of its own. */
function formOf(what: System): string {
  const type = what.system_type ?? "";
  if (type === "disappearing_changed" && !what.seconds) return `${type}.off`;
  if (type === "description_changed" && !what.description) return `${type}.none`;
  return type;
}

/** How a call went, or goes. Null: no words fit. */
export function callText(metadata: unknown): string | null {
  const call = (metadata ?? {}) as { call_type?: string; status?: string; duration_seconds?: number | null };
  const isTimed = typeof call.duration_seconds === "number";
  const how = call.status === "ended" && !isTimed ? "elsewhere" : call.status;
  const key = [`calls.${call.call_type}.${how}`, `calls.${call.call_type}`].find(has);
  return key && has(key) ? t(key, { time: clockText(call.duration_seconds ?? 0) }) : null;
}

function roleName(role: string | undefined): string {
  const key = `info.role.${role}`;
  return has(key) ? t(key) : (role ?? "");
}

function duration(seconds: number): string {
  if (seconds % DAY === 0) return plural("system.days", seconds / DAY);
  if (seconds % HOUR === 0) return plural("system.hours", seconds / HOUR);
  if (seconds % MINUTE === 0) return plural("system.minutes", seconds / MINUTE);
  return plural("system.seconds", seconds);
}
