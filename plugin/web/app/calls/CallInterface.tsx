// SPDX-License-Identifier: GPL-3.0-or-later
// One chunk, loaded when somebody calls.
import type { CallControl } from "../../client/CallState";
import { useCalls } from "../client";
import { RingingWindow } from "./RingingWindow";
import { VideoCallOverlay } from "./VideoCallOverlay";

export default function CallInterface({ control }: { control: CallControl }) {
  const incoming = useCalls((state) => state.incomingCall);
  const status = useCalls((state) => state.callStatus);
  return (
    <>
      {incoming ? <RingingWindow call={incoming} control={control} /> : null}
      {status !== "idle" ? <VideoCallOverlay control={control} /> : null}
    </>
  );
}
