// SPDX-License-Identifier: GPL-3.0-or-later
import {
  Bell,
  BellOff,
  Contact,
  Keyboard,
  MessageSquarePlus,
  MoreVertical,
  Phone,
  Settings as SettingsIcon,
  Star,
} from "lucide-react";
import { t } from "../../i18n";
import { useMessaging, useOffers } from "../client";
import { quietText, useQuietUntil } from "../notifications/DoNotDisturb";
import { go } from "../routes";
import { Menu, type MenuItem } from "../shared/Menu";
import { IconButton } from "../shared/small";
import { UserAvatar } from "../shared/UserAvatar";
import { help } from "../shortcuts/shortcuts";

export function ConversationListHeader({ onNew }: { onNew: () => void }) {
  const me = useMessaging((state) => state.me);
  const calls = useOffers("calls");
  const quiet = useQuietUntil();
  const lists: (MenuItem | null)[] = [
    { label: t("notifications.title"), icon: <Bell />, run: () => go("/notifications") },
    { label: t("lists.starred"), icon: <Star />, run: () => go("/starred") },
    calls ? { label: t("lists.calls"), icon: <Phone />, run: () => go("/calls") } : null,
    { label: t("lists.contacts"), icon: <Contact />, run: () => go("/contacts") },
    { label: t("keys.title"), icon: <Keyboard />, run: () => help.setState({ isShown: true }) },
  ];
  return (
    <header className="listheader">
      {me ? <UserAvatar name={me.name} picture={me.avatar_url} size="small" /> : null}
      <h1>{t("list.title")}</h1>
      {quiet ? (
        <IconButton label={quietText(quiet)} onClick={() => go("/notifications")}>
          <BellOff />
        </IconButton>
      ) : null}
      <IconButton label={t("list.new")} onClick={onNew}>
        <MessageSquarePlus />
      </IconButton>
      <IconButton label={t("settings.title")} onClick={() => go("/settings")}>
        <SettingsIcon />
      </IconButton>
      <Menu label={t("lists.more")} icon={<MoreVertical />} items={lists.filter((item) => item !== null)} />
    </header>
  );
}
