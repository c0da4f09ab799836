// SPDX-License-Identifier: GPL-3.0-or-later
import { has, t } from "../../i18n";
import { hostOf } from "../shared/links";
import { Dialog } from "../shared/small";
import type { Suspicion } from "./LinkWatcher";

type Properties = { suspicion: Suspicion; onSend: () => void; onClose: () => void };

/** Before a link goes out that may not lead where it seems to. */
export default function LinkWarning({ suspicion, onSend, onClose }: Properties) {
  const { url, reasons } = suspicion;
  return (
    <Dialog title={t("composer.link.title")} onClose={onClose}>
      <p>
        <bdi className="address">{url}</bdi>
      </p>
      <p>{t("composer.link", { host: hostOf(url) })}</p>
      <ul className="reasons">
        {reasons.map((reason) => {
          const key = `composer.link.${reason}`;
          return <li key={reason}>{has(key) ? t(key) : reason}</li>;
        })}
      </ul>
      <div className="buttons">
        <button type="button" className="primary" onClick={onClose}>
          {t("composer.link.back")}
        </button>
        <button type="button" className="danger" onClick={onSend}>
          {t("composer.link.send")}
        </button>
      </div>
    </Dialog>
  );
}
