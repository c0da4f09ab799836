// SPDX-License-Identifier: GPL-3.0-or-later
import type { Filter } from "../../client/MessagingState";
import type { Unread } from "../../client/types";
import { formatNumber, plural, t } from "../../i18n";
import { useMessaging } from "../client";

const FILTERS: Filter[] = ["all", "unread", "requests", "archived"];

function waiting(totals: Unread | null, filter: Filter): number {
  if (filter === "unread") return totals?.conversations ?? 0;
  return filter === "requests" ? (totals?.requests ?? 0) : 0;
}

/** A choice of one, so radio buttons: arrow keys work by themselves. */
export function FilterTabs({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const totals = useMessaging((state) => state.totals);
  return (
    <fieldset className="filters">
      <legend className="hidden">{t("list.filters")}</legend>
      {FILTERS.map((name) => {
        const count = waiting(totals, name);
        return (
          <label key={name} className={name === filter ? "chosen" : ""}>
            <input
              type="radio"
              name="filter"
              value={name}
              checked={name === filter}
              onChange={() => onChange(name)}
            />
            {t(`list.${name}`)}
            {count > 0 ? (
              <span className="count" role="img" aria-label={plural("list.waiting", count)}>
                {formatNumber(Math.min(count, 999))}
              </span>
            ) : null}
          </label>
        );
      })}
    </fieldset>
  );
}
