// SPDX-License-Identifier: GPL-3.0-or-later
// Why there is no microphone or camera, and how one allows them: each browser, and each system, has another place for that.
import { has, t } from "../../i18n";

type Place = "chromium" | "firefox" | "safari" | "ios" | "android";
type Here = Pick<Navigator, "userAgent" | "maxTouchPoints">;
type System = "windows" | "mac" | "other";

/** TOUCHES: how many fingers the screen knows; an iPad says that it is a Mac, which knows none. */
export function placeOf(agent: string, touches = 0): Place {
  if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touches > 1)) return "ios";
  if (/Android/.test(agent)) return "android";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Safari\//.test(agent) && !/Chrom(e|ium)\//.test(agent)) return "safari";
  return "chromium";
}

export function systemOf(agent: string): System {
  if (/Windows/.test(agent)) return "windows";
  return /Macintosh/.test(agent) ? "mac" : "other";
}

/** How what REASON (a MediaProblem's) says is mended here; "": nobody knows. */
export function remedy(reason: string, here: Here = navigator): string {
  if (reason === "denied") return t(`media.how.${placeOf(here.userAgent, here.maxTouchPoints)}`);
  if (reason === "system") return t(`media.system.${systemOf(here.userAgent)}`);
  return "";
}

/** In words, with what helps. */
export function mediaText(reason: string, here: Here = navigator): string {
  const key = `calls.problem.${reason}`;
  const words = has(key) ? t(key) : t("calls.problem.other", { reason });
  return [words, remedy(reason, here)].filter(Boolean).join(" ");
}
