// SPDX-License-Identifier: GPL-3.0-or-later
// Whether somebody is signed in. A link brings a code, or a token, behind "#", which no server and no log gets to see; it
// is taken off the address at once.
import { createStore } from "zustand/vanilla";
import { Problem } from "../client/problem";
import { explain, messenger, queries } from "./client";
import { go } from "./routes";

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

export async function signInByPage(): Promise<void> {
  const given = fromAddress();
  try {
    await messenger.signIn(given ?? undefined);
    session.setState({ phase: "signed-in", problem: null });
  } catch (error) {
    if (given && (await signedInAlready())) return;
    const expected = error instanceof Problem && error.status === 401;
    session.setState({
      phase: "signed-out",
      problem: given && expected ? "link" : expected ? null : explain(error),
    });
  }
}

// A link that was followed twice: the session that it began is there.
async function signedInAlready(): Promise<boolean> {
  try {
    await messenger.signIn();
    session.setState({ phase: "signed-in", problem: null });
    return true;
  } catch {
    return false;
  }
}

export async function signInBy(code: string): Promise<void> {
  try {
    await messenger.signIn(code.includes(".") ? { token: code } : { code });
    session.setState({ phase: "signed-in", problem: null });
  } catch (error) {
    const refused = error instanceof Problem && [401, 422].includes(error.status);
    session.setState({ phase: "signed-out", problem: refused ? "link" : explain(error) });
  }
}

messenger.onSignedOut = () => {
  queries.clear();
  go("/", true);
  session.setState({ phase: "signed-out", problem: null });
};
