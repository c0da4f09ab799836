// SPDX-License-Identifier: GPL-3.0-or-later
import { type FormEvent, useState } from "react";
import type { Conversation } from "../../client/types";
import { t } from "../../i18n";
import { messenger } from "../client";
import { Dialog } from "../shared/small";

const OPTIONS_MAX = 20;

export default function PollDialog({
  conversation,
  onClose,
}: {
  conversation: Conversation;
  onClose: () => void;
}) {
  const [question, setQuestion] = useState("");
  const [options, setOptions] = useState(["", ""]);
  const [multiple, setMultiple] = useState(false);
  const given = [...new Set(options.map((option) => option.trim()).filter(Boolean))];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    messenger.send(conversation.id, {
      message_type: "poll",
      poll: { question: question.trim(), options: given, multiple },
    });
    onClose();
  };
  return (
    <Dialog help="poll" title={t("poll.title")} onClose={onClose}>
      <form onSubmit={submit}>
        <label>
          {t("poll.question")}
          <input
            value={question}
            onChange={(event) => setQuestion(event.target.value)}
            required
            maxLength={250}
          />
        </label>
        {options.map((option, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: options have no other name while they are written
          <label key={i}>
            {t("poll.option", { n: i + 1 })}
            <input
              value={option}
              maxLength={64}
              onChange={(event) =>
                setOptions(options.map((other, j) => (j === i ? event.target.value : other)))
              }
            />
          </label>
        ))}
        {options.length < OPTIONS_MAX ? (
          <button type="button" onClick={() => setOptions([...options, ""])}>
            {t("poll.add")}
          </button>
        ) : null}
        <label className="check">
          <input type="checkbox" checked={multiple} onChange={(event) => setMultiple(event.target.checked)} />
          {t("poll.multiple")}
        </label>
        <button type="submit" className="primary" disabled={!question.trim() || given.length < 2}>
          {t("composer.send")}
        </button>
      </form>
    </Dialog>
  );
}
