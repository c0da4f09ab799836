// SPDX-License-Identifier: GPL-3.0-or-later
import { memo, useState } from "react";
import { isOurs } from "./links";

const COLOURS = 8;

/** The same for a name each time. */
function colourOf(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)!) % 65521;
  return sum % COLOURS;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0]!, words[words.length - 1]!] : [words[0] ?? ""];
  return letters
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
}

type Properties = {
  name: string;
  picture?: string | null;
  presence?: "online" | "away" | "in_call" | null;
  size?: "small" | "large";
};

/** A picture that is ours, else initials: pictures of other hosts would tell them who looks. */
export const UserAvatar = memo(function UserAvatar({ name, picture, presence, size }: Properties) {
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <span className={`avatar ${size ?? ""}`} data-colour={colourOf(name)} aria-hidden="true">
      {isOurs(picture) && failed !== picture ? (
        <img src={picture} alt="" loading="lazy" onError={() => setFailed(picture)} />
      ) : (
        <span>{initials(name)}</span>
      )}
      {presence ? <span className={`dot ${presence}`} /> : null}
    </span>
  );
});
