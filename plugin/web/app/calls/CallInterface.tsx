// SPDX-License-Identifier: GPL-3.0-or-later
// One chunk, loaded when somebody calls.
import { useEffect, useState } from "react";
import { useCalls } from "../client";
import { OfferWindow, RingingWindow } from "./RingingWindow";
import { VideoCallOverlay } from "./VideoCallOverlay";

export default function CallInterface() {
  const incoming = useCalls((state) => state.incomingCall);
  const offered = useCalls((state) => state.offered);
  const status = useCalls((state) => state.callStatus);
  const [before] = useState(() => document.activeElement as HTMLElement | null);
  // What had the focus goes away with the call: it returns to where it was.
  useEffect(() => {
    return () => {
      if (document.activeElement && document.activeElement !== document.body) return;
      (before?.isConnected ? before : document.getElementById("main"))?.focus();
    };
  }, [before]);
  return (
    <>
      {incoming ? <RingingWindow call={incoming} /> : null}
      {offered ? <OfferWindow offer={offered} /> : null}
      {status !== "idle" ? <VideoCallOverlay /> : null}
    </>
  );
}
