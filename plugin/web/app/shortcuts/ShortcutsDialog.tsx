// SPDX-License-Identifier: GPL-3.0-or-later
import { t } from "../../i18n";
import { Dialog } from "../shared/small";
import { help, shownShortcuts } from "./shortcuts";

export default function ShortcutsDialog() {
  return (
    <Dialog title={t("keys.title")} onClose={() => help.setState({ isShown: false })}>
      <dl className="keys">
        {shownShortcuts().map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
