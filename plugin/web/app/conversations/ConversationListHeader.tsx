// SPDX-License-Identifier: GPL-3.0-or-later
import { MessageSquarePlus, Settings as SettingsIcon } from "lucide-react";
import { t } from "../../i18n";
import { useMessaging } from "../client";
import { go } from "../routes";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";

export function ConversationListHeader({ onNew }: { onNew: () => void }) {
  const me = useMessaging((state) => state.me);
  return (
    <header className="listheader">
      {me ? <UserAvatar name={me.name} picture={me.avatar_url} size="small" /> : null}
      <h1>{t("list.title")}</h1>
      <IconButton label={t("list.new")} onClick={onNew}>
        <MessageSquarePlus />
      </IconButton>
      <IconButton label={t("settings.title")} onClick={() => go("/settings")}>
        <SettingsIcon />
      </IconButton>
    </header>
  );
}
