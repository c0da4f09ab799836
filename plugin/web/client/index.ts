// SPDX-License-Identifier: GPL-3.0-or-later
// The library, for any framework or none.

export { OUTBOX_SYNC, sendQueued } from "./background";
export { CallControl, type CallPhase, type CallState } from "./CallState";
export { backoff, type Clock, systemClock } from "./clock";
export { type FileState, fileState } from "./files";
export { type Locks, noLocks, systemLocks } from "./locks";
export * from "./MessagingState";
export { Messenger, type MessengerOptions, socketAddress } from "./Messenger";
export { Outbox } from "./outbox";
export { Problem } from "./problem";
export { Rest } from "./rest";
export { MemoryStore, openStore, type Queued, type Store } from "./store";
export * from "./thread";
export type * from "./types";
export { Upload, type UploadState } from "./Upload";
export { type Attached, Uploads } from "./Uploads";
export { MediaProblem, type Quality, WebRTCClient } from "./WebRTCClient";
export { type ConnectionState, WebSocketClient } from "./WebSocketClient";
