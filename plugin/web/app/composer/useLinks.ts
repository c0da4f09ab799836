// SPDX-License-Identifier: GPL-3.0-or-later
import { useEffect, useReducer, useState } from "react";
import { messenger } from "../client";
import { LinkWatcher } from "./LinkWatcher";

/** The links of TEXT, which is being written. */
export function useLinks(text: string): LinkWatcher {
  const [, changed] = useReducer((n: number) => n + 1, 0);
  const [watcher] = useState(() => new LinkWatcher(messenger.rest));
  useEffect(() => {
    watcher.onChange = changed;
    return () => {
      watcher.onChange = null;
      watcher.stop();
    };
  }, [watcher]);
  useEffect(() => watcher.look(text), [watcher, text]);
  return watcher;
}
