// SPDX-License-Identifier: GPL-3.0-or-later
// Of several tabs of one browser, one does what is to be done once. Where the browser has no locks, each is alone.

export interface Locks {
  /** NAME, if nobody has it; the result gives it back. Null: another tab has it. */
  claim(name: string): Promise<(() => void) | null>;
  /** Waits until NAME is ours and calls CHANGED with true; with false when it was taken away. STEAL: takes it away from
   * another tab. The result ends it. */
  hold(name: string, changed: (ours: boolean) => void, steal?: boolean): () => void;
}

/** Each tab is alone. */
export const noLocks: Locks = {
  claim: async () => () => {},
  hold: (_name, changed) => {
    changed(true);
    return () => {};
  },
};

class BrowserLocks implements Locks {
  constructor(private readonly locks: LockManager) {}

  claim(name: string): Promise<(() => void) | null> {
    return new Promise((resolve) => {
      this.locks
        .request(name, { ifAvailable: true }, (lock) => {
          if (!lock) {
            resolve(null);
            return undefined;
          }
          return new Promise<void>((release) => resolve(() => release()));
        })
        .catch(() => resolve(() => {})); // locks are forbidden here: as if there were none
    });
  }

  hold(name: string, changed: (ours: boolean) => void, steal = false): () => void {
    let release = () => {};
    let isOver = false;
    const aborter = new AbortController();
    const run = () => {
      if (isOver) return undefined;
      changed(true);
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    const options = steal ? { steal } : { signal: aborter.signal };
    this.locks.request(name, options, run).catch(() => {
      if (!isOver) changed(false);
    });
    return () => {
      isOver = true;
      aborter.abort();
      release();
    };
  }
}

export function systemLocks(): Locks {
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;
  return locks ? new BrowserLocks(locks) : noLocks;
}
