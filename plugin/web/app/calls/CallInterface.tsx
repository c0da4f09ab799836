// SPDX-License-Identifier: GPL-3.0-or-later
// One chunk, loaded when somebody calls.
import { useCalls } from "../client";
import { RingingWindow } from "./RingingWindow";
import { VideoCallOverlay } from "./VideoCallOverlay";

export default function CallInterface() {
  const incoming = useCalls((state) => state.incomingCall);
  const status = useCalls((state) => state.callStatus);
  return (
    <>
      {incoming ? <RingingWindow call={incoming} /> : null}
      {status !== "idle" ? <VideoCallOverlay /> : null}
    </>
  );
}
