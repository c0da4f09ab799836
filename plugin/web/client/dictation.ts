// SPDX-License-Identifier: GPL-3.0-or-later
// A sound as text, by the service that the server knows: the sound is uploaded, written down, and removed.
import { type Clock, systemClock } from "./clock";
import { fileState } from "./files";
import { Problem } from "./problem";
import type { Rest } from "./rest";
import type { File as StoredFile } from "./types";
import { Upload } from "./Upload";

const LOOK_AGAIN = 1_000; // milliseconds
const LOOKS_MAX = 60; // until the server has looked at the sound

export async function dictate(
  rest: Rest,
  sound: Blob & { name?: string },
  clock: Clock = systemClock,
): Promise<string> {
  const { id } = await new Upload(rest, sound, "voice", clock).start();
  try {
    await looked(rest, id, clock);
    return (await rest.transcribeFile(id)).text.trim();
  } finally {
    void rest.removeFile(id).catch(() => {});
  }
}

/** Until the server has looked at the file, or will not hand it to anybody. */
async function looked(rest: Rest, id: string, clock: Clock): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const file: StoredFile = await rest.file(id);
    const isWaiting = file.status !== "complete" || fileState(file) === "pending";
    if (!isWaiting || file.status === "error") return;
    await new Promise<void>((resolve) => clock.setTimeout(resolve, LOOK_AGAIN));
  }
  throw new Problem("unavailable", 503, "nobody has looked at it");
}
