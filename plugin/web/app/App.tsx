// SPDX-License-Identifier: GPL-3.0-or-later
import { Component, lazy, type ReactNode, Suspense, useEffect } from "react";
import { useStore } from "zustand";
import { t } from "../i18n";
import { messenger, useCalls, useLanguage, useMessaging } from "./client";
import { ConversationList } from "./conversations/ConversationList";
import { useRoute } from "./routes";
import { SignIn } from "./SignIn";
import { session } from "./session";
import { isFailedLoad } from "./shared/load";
import { Announcer, EmptyState, LoadingSpinner, Toasts } from "./shared/small";
import { help } from "./shortcuts/shortcuts";
import { ChatWindow } from "./thread/ChatWindow";
import { tellTrouble } from "./trouble";

const CallInterface = lazy(() => import("./calls/CallInterface"));
const Lists = lazy(() => import("./lists/Lists"));
const Moderation = lazy(() => import("./moderation/Moderation"));
const NotificationCenter = lazy(() => import("./notifications/NotificationCenter"));
const Settings = lazy(() => import("./settings/Settings"));
const ShortcutsDialog = lazy(() => import("./shortcuts/ShortcutsDialog"));

/** A part that was deployed anew cannot be loaded any more, or there is a mistake in it: the person is told which. */
class Boundary extends Component<{ children: ReactNode }, { failed: "error.chunk" | "error.crash" | null }> {
  override state = { failed: null };
  static getDerivedStateFromError(error: unknown) {
    return { failed: isFailedLoad(error) ? "error.chunk" : "error.crash" };
  }
  override componentDidCatch(error: Error) {
    if (!isFailedLoad(error)) tellTrouble({ kind: "script", message: error.message, stack: error.stack });
  }
  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <EmptyState title={t(this.state.failed)}>
        <button type="button" className="primary" onClick={() => location.reload()}>
          {t("reload")}
        </button>
      </EmptyState>
    );
  }
}

function ConnectionBanner() {
  const connection = useMessaging((state) => state.connection);
  const attempts = useMessaging((state) => state.attempts);
  if (connection === "connected") return null;
  const text =
    connection === "connecting" && attempts === 0
      ? "connecting"
      : connection === "polling"
        ? "polling"
        : "offline";
  return (
    <div className="banner" role="status">
      <span>{t(`connection.${text}`)}</span>
      {attempts >= 5 ? (
        <button type="button" onClick={() => messenger.socket.check()}>
          {t("connection.again")}
        </button>
      ) : null}
    </div>
  );
}

function Pane() {
  const route = useRoute();
  if (route.name === "thread")
    return <ChatWindow key={route.id} id={route.id} message={route.message} info={route.info} />;
  if (route.name === "settings") return <Settings />;
  if (route.name === "moderation") return <Moderation />;
  if (route.name === "notifications") return <NotificationCenter />;
  if (route.name !== "home") return <Lists key={route.name} name={route.name} />;
  return <EmptyState title={t("thread.none")} text={t("thread.none.text")} />;
}

function MessagingContainer() {
  const route = useRoute();
  const code = useLanguage(); // rows of the list are only drawn again for what they show
  const hasCall = useCalls(
    (state) => state.incomingCall !== null || state.offered !== null || state.callStatus !== "idle",
  );
  const asksForKeys = useStore(help, (state) => state.isShown);
  useEffect(() => {
    if (route.name !== "thread") messenger.closeThread();
  }, [route]);
  return (
    <div className="frame" data-pane={route.name === "home" ? "list" : "main"}>
      <a className="skip" href="#main">
        {t("app.skip")}
      </a>
      <ConnectionBanner />
      <ConversationList key={code} />
      <main id="main" tabIndex={-1}>
        <Boundary>
          <Suspense fallback={<LoadingSpinner />}>
            <Pane />
          </Suspense>
        </Boundary>
      </main>
      <Boundary>
        <Suspense fallback={null}>{hasCall ? <CallInterface /> : null}</Suspense>
        <Suspense fallback={null}>{asksForKeys ? <ShortcutsDialog /> : null}</Suspense>
      </Boundary>
    </div>
  );
}

export function App() {
  useLanguage();
  const phase = useStore(session, (state) => state.phase);
  return (
    <>
      {phase === "starting" ? (
        <LoadingSpinner />
      ) : phase === "signed-out" ? (
        <SignIn />
      ) : (
        <MessagingContainer />
      )}
      <Toasts />
      <Announcer />
    </>
  );
}
