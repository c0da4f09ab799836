// SPDX-License-Identifier: GPL-3.0-or-later
import type { Filter } from "../../client/MessagingState";
import { t } from "../../i18n";

const FILTERS: Filter[] = ["all", "unread", "requests", "archived"];

/** A choice of one, so radio buttons: arrow keys work by themselves. */
export function FilterTabs({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  return (
    <fieldset className="filters">
      <legend className="hidden">{t("list.filters")}</legend>
      {FILTERS.map((name) => (
        <label key={name} className={name === filter ? "chosen" : ""}>
          <input
            type="radio"
            name="filter"
            value={name}
            checked={name === filter}
            onChange={() => onChange(name)}
          />
          {t(`list.${name}`)}
        </label>
      ))}
    </fieldset>
  );
}
