// SPDX-License-Identifier: GPL-3.0-or-later
import { t } from "../../i18n";

type Properties = {
  hasPicture: boolean;
  onChoose: (picture: File) => void;
  onRemove: () => void;
};

/** Gives somebody, or a group, a picture, or takes it away. */
export function PictureButtons({ hasPicture, onChoose, onRemove }: Properties) {
  return (
    <div className="buttons">
      <label className="button">
        {t("settings.picture")}
        <input
          type="file"
          className="hidden"
          accept="image/png,image/jpeg,image/gif,image/webp"
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) onChoose(file);
          }}
        />
      </label>
      {hasPicture ? (
        <button type="button" onClick={onRemove}>
          {t("settings.picture.remove")}
        </button>
      ) : null}
    </div>
  );
}
