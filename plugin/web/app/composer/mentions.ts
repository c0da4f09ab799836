// SPDX-License-Identifier: GPL-3.0-or-later
// "@name" while it is written, and where it stands when it is sent.

export type Mentioned = { user_id: string; name: string };

/** What is being typed behind "@" at CARET; null: no mention is. */
export function mentionQuery(text: string, caret: number): string | null {
  const found = /(?:^|[\s(])@([\p{L}\p{N}._-]{0,30})$/u.exec(text.slice(0, caret));
  return found ? found[1]! : null;
}

/** In code points, as the API counts: those of WHO whose "@name" TEXT still has, each place once. */
export function mentionsIn(
  text: string,
  who: Mentioned[],
): { user_id: string; start: number; end: number }[] {
  const found: { user_id: string; start: number; end: number }[] = [];
  const points = (units: number) => [...text.slice(0, units)].length;
  let from = 0;
  for (const { user_id, name } of who) {
    const at = text.indexOf(`@${name}`, from);
    if (at < 0) continue;
    from = at + name.length + 1;
    found.push({ user_id, start: points(at), end: points(from) });
  }
  return found;
}
