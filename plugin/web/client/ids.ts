// SPDX-License-Identifier: GPL-3.0-or-later

/** A new id for something that the server does not know yet. */
export function newId(): string {
  return crypto.randomUUID();
}
