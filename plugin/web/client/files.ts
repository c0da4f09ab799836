// SPDX-License-Identifier: GPL-3.0-or-later
// How a file stands.
import type { File as StoredFile } from "./types";

export type FileState =
  | "ready"
  | "locked" // a password opens it
  | "processing"
  | "pending" // it is being scanned
  | "held" // it could not be scanned; a moderator decides
  | "infected"
  | "error" // it cannot be read
  | "removed"
  | "remote"; // it lies elsewhere

export function fileState(file: StoredFile): FileState {
  if (file.status === "removed" || file.status === "remote" || file.status === "error") return file.status;
  if (file.scan_status === "infected" || file.scan_status === "held") return file.scan_status;
  if (file.download_url) return "ready";
  if (file.scan_status === "pending") return "pending";
  return file.is_password_protected && file.status === "complete" ? "locked" : "processing";
}
