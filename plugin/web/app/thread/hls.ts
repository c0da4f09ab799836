// SPDX-License-Identifier: GPL-3.0-or-later
// Plays a stream in pieces where the browser cannot by itself. No worker: the page's policy knows of one script alone.
import Hls from "hls.js/light";

/** What ends it; null: this browser cannot at all. FAILED is called when there is nothing more to be done. */
export function playStream(
  video: HTMLVideoElement,
  address: string,
  failed: () => void,
): (() => void) | null {
  if (!Hls.isSupported()) return null;
  const player = new Hls({ enableWorker: false, capLevelToPlayerSize: true });
  player.on(Hls.Events.ERROR, (_event, { fatal }) => {
    if (!fatal) return;
    player.destroy();
    failed();
  });
  player.loadSource(address);
  player.attachMedia(video);
  return () => player.destroy();
}
