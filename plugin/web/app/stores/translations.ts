// SPDX-License-Identifier: GPL-3.0-or-later
// What messages say in the reader's language, as far as it was asked for; nothing of it is kept.
import { createStore } from "zustand/vanilla";
import { Problem } from "../../client/problem";
import type { Message, Translation } from "../../client/types";
import { language, t } from "../../i18n";
import { attempt, messenger } from "../client";
import { showToast } from "./toasts";

export const translations = createStore<Record<string, Translation>>(() => ({}));

/** Of what the message says now: an edit is another text. */
export const translationKey = (message: Message) =>
  `${message.id} ${message.edited_at ?? ""} ${language.getState().code}`;

export async function translate(message: Message): Promise<void> {
  const key = translationKey(message);
  const found = await attempt(async () => {
    try {
      return await messenger.needing("translation", () =>
        messenger.rest.translate(message.id, language.getState().code),
      );
    } catch (error) {
      if (!(error instanceof Problem && error.code === "forbidden")) throw error;
      showToast(t("translation.forbidden"));
      return undefined;
    }
  });
  if (found) translations.setState({ [key]: found });
}

export function untranslate(message: Message): void {
  const { [translationKey(message)]: _gone, ...others } = translations.getState();
  translations.setState(others, true);
}
