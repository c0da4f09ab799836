// SPDX-License-Identifier: GPL-3.0-or-later
// Help where the question comes up: a button beside a heading, which shows a few sentences below it.
import { CircleHelp } from "lucide-react";
import { type ReactNode, useId, useState } from "react";
import { t } from "../../i18n";

export type HelpTopic =
  | "privacy"
  | "notifications"
  | "data"
  | "media"
  | "poll"
  | "schedule"
  | "permissions"
  | "threads";

/** The button, and the sentences while they are wanted; both null without a topic. */
export function useHelp(topic: HelpTopic | undefined, title: string): { button: ReactNode; text: ReactNode } {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  if (!topic) return { button: null, text: null };
  const label = t("help.about", { title });
  return {
    button: (
      <button
        type="button"
        className="icon"
        aria-label={label}
        title={label}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <CircleHelp aria-hidden="true" />
      </button>
    ),
    text: isOpen ? (
      <p className="note help" id={id} role="status">
        {t(`help.${topic}`)}
      </p>
    ) : null,
  };
}

export function HelpedHeading({ title, topic }: { title: string; topic: HelpTopic }) {
  const { button, text } = useHelp(topic, title);
  return (
    <>
      <div className="helped">
        <h2>{title}</h2>
        {button}
      </div>
      {text}
    </>
  );
}
