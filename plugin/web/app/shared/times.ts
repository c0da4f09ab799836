// SPDX-License-Identifier: GPL-3.0-or-later
// Times and sizes in words.
import { formatNumber, formatPadded, language } from "../../i18n";

/** "3 hours", "1 day": in the largest unit that fits. */
export function durationText(seconds: number): string {
  const unit = seconds < 3600 ? "minute" : seconds < 86_400 ? "hour" : "day";
  const count = seconds / { minute: 60, hour: 3600, day: 86_400 }[unit];
  return new Intl.NumberFormat(language.getState().code, {
    style: "unit",
    unit,
    unitDisplay: "long",
    maximumFractionDigits: 1,
  }).format(count);
}

export function sizeText(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return new Intl.NumberFormat(language.getState().code, {
    style: "unit",
    unit: units[power],
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(bytes / 1000 ** power);
}

/** As players show it: 0:07, 1:02:03. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  const hours = Math.floor(whole / 3600);
  if (hours > 0) return [formatNumber(hours), ...parts.map(formatPadded)].join(":");
  return `${formatNumber(parts[0]!)}:${formatPadded(parts[1]!)}`;
}
