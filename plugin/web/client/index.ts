// SPDX-License-Identifier: GPL-3.0-or-later
// The library, for any framework or none.
export { CallControl, type CallPhase, type CallState } from "./CallState";
export { backoff, type Clock, systemClock } from "./clock";
export * from "./MessagingState";
export { Messenger, type MessengerOptions, socketAddress } from "./Messenger";
export { Outbox } from "./outbox";
export { Problem } from "./problem";
export { Rest } from "./rest";
export { MemoryStore, openStore, type Queued, type Store } from "./store";
export * from "./thread";
export type * from "./types";
export { Upload, type UploadState } from "./Upload";
export { MediaProblem, type Quality, WebRTCClient } from "./WebRTCClient";
export { type ConnectionState, WebSocketClient } from "./WebSocketClient";
