// SPDX-License-Identifier: GPL-3.0-or-later
// Parts of the page that are loaded when they are needed.

const WORDS = /dynamically imported module|importing a module script failed/i;

/** Whether ERROR says that a part could not be loaded: browsers have words for that, and no name. */
export function isFailedLoad(error: unknown): boolean {
  return error instanceof TypeError && WORDS.test(error.message);
}
