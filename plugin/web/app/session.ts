// SPDX-License-Identifier: GPL-3.0-or-later
// Whether somebody is signed in. A link brings a code, or a token, behind "#", which no server and no log gets to see; it
// is taken off the address at once.
import { createStore } from "zustand/vanilla";
import { Problem } from "../client/problem";
import { forgetStore } from "../client/store";
import type { SignIn, User } from "../client/types";
import { explain, messenger, queries } from "./client";
import { go } from "./routes";
import { forgetNotices } from "./stores/notices";

export type SessionState = { phase: "starting" | "signed-out" | "signed-in"; problem: string | null };
export const session = createStore<SessionState>(() => ({ phase: "starting", problem: null }));

function fromAddress(): { code: string } | { token: string } | null {
  const given = new URLSearchParams(location.hash.slice(1));
  const code = given.get("code");
  const token = given.get("token");
  if (!code && !token) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return code ? { code } : { token: token! };
}

// Who was signed in last: with the cookie and what IndexedDB has, enough to begin without a server.
const LAST = "trestle-user";

function remember(user: User | null): void {
  try {
    if (user) localStorage.setItem(LAST, JSON.stringify(user));
    else localStorage.removeItem(LAST);
  } catch {
    // A private window: it cannot begin without a server, that is all.
  }
}

function remembered(): User | null {
  try {
    return JSON.parse(localStorage.getItem(LAST) ?? "null");
  } catch {
    return null;
  }
}

/** What was kept for who was here before, and is not here now, goes. */
function forgetRemembered(now: User | null): void {
  const before = remembered();
  if (before && before.id !== now?.id) void forgetStore(before.id);
  remember(now);
}

function signedIn(user: User): void {
  forgetRemembered(user);
  session.setState({ phase: "signed-in", problem: null });
}

export async function signInByPage(): Promise<void> {
  const given = fromAddress();
  try {
    signedIn(await messenger.signIn(given ?? undefined));
  } catch (error) {
    if (given && (await signedInAlready())) return;
    const user = remembered();
    if (!given && user && error instanceof Problem && error.isTemporary) {
      await messenger.signInLater(user);
      signedIn(user);
      return;
    }
    const expected = error instanceof Problem && error.status === 401;
    if (expected) forgetRemembered(null);
    session.setState({
      phase: "signed-out",
      problem: given && expected ? "link" : expected ? null : explain(error),
    });
  }
}

// A link that was followed twice: the session that it began is there.
async function signedInAlready(): Promise<boolean> {
  try {
    signedIn(await messenger.signIn());
    return true;
  } catch {
    return false;
  }
}

export async function signInBy(what: SignIn): Promise<void> {
  try {
    signedIn(await messenger.signIn(what));
  } catch (error) {
    const refused = error instanceof Problem && [401, 422].includes(error.status);
    const why = "jid" in what ? "password" : "link";
    session.setState({ phase: "signed-out", problem: refused ? why : explain(error) });
  }
}

/** A link that is followed where the page is open already changes nothing but what stands behind "#". */
export function watchLinks(): void {
  window.addEventListener("hashchange", () => {
    if (session.getState().phase === "signed-out") void signInByPage();
  });
}

messenger.onSignedOut = () => {
  queries.clear();
  forgetNotices();
  remember(null);
  go("/", true);
  session.setState({ phase: "signed-out", problem: null });
};
