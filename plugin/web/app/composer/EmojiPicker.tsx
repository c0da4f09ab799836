// SPDX-License-Identifier: GPL-3.0-or-later
// Loaded when it is first used.
import { useState } from "react";
import { t } from "../../i18n";
import { Dialog } from "../shared/small";
import { EMOJI } from "./emoji";

export default function EmojiPicker({
  onEmoji,
  onClose,
}: {
  onEmoji: (emoji: string) => void;
  onClose: () => void;
}) {
  const [query, setQuery] = useState("");
  const q = query.trim().toLowerCase();
  const groups = EMOJI.map(({ name, items }) => ({
    name,
    items: items.filter(([, words]) => !q || words.includes(q)),
  })).filter(({ items }) => items.length > 0);
  return (
    <Dialog title={t("composer.emoji")} onClose={onClose} className="emoji">
      <input
        type="search"
        value={query}
        aria-label={t("search")}
        placeholder={t("search")}
        onChange={(event) => setQuery(event.target.value)}
      />
      <div className="groups">
        {groups.map(({ name, items }) => (
          <section key={name} aria-label={name}>
            {items.map(([emoji, words]) => (
              <button
                key={emoji}
                type="button"
                aria-label={words}
                title={words}
                onClick={() => onEmoji(emoji)}
              >
                {emoji}
              </button>
            ))}
          </section>
        ))}
      </div>
    </Dialog>
  );
}
