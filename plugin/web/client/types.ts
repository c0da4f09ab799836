// SPDX-License-Identifier: GPL-3.0-or-later
// The objects of the API, as its own description has them.
import type { components } from "./generated/openapi";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Self = Schemas["Self"];
export type Conversation = Schemas["Conversation"];
export type Participant = Schemas["Participant"];
export type Message = Schemas["Message"];
export type Quote = NonNullable<Schemas["Message"]["quote"]>;
export type Reaction = Schemas["Reaction"];
export type Presence = Schemas["Presence"];
export type Privacy = Schemas["Privacy"];
export type Session = Schemas["Session"];
export type Scheduled = Schemas["Scheduled"];
export type Thread = Schemas["Thread"];
export type Receipt = Schemas["Receipt"];
export type Contact = Schemas["Contact"];
export type Call = Schemas["Call"];
export type CallBegun = Schemas["CallBegun"];
export type CallParticipant = Schemas["CallParticipant"];
export type IceServers = Schemas["IceServers"];
export type File = Schemas["File"];
export type UploadRoom = Schemas["Upload"];
export type Capabilities = Schemas["Capabilities"];
export type Problem = Schemas["Problem"];
export type Report = Schemas["Report"];
export type ReportShown = Schemas["ReportShown"];
export type ModerationAction = Schemas["ModerationAction"];
export type OwnAction = Schemas["OwnAction"];
export type Page<T> = { items: T[]; has_more: boolean; next: string | null };

/** What a send may carry beside its text. */
export type Outgoing = {
  content?: string;
  message_type?: "text" | "location" | "poll" | "voice";
  reply_to?: string;
  thread_id?: string;
  attachments?: string[]; // ids of files, at most ten
  mentions?: { user_id: string; start: number; end: number }[];
  poll?: { question: string; options: string[]; multiple?: boolean; anonymous?: boolean };
  location?: { lat: number; lon: number; accuracy?: number; label?: string };
  expires_in?: number;
};

/** A frame of the socket's native dialect. */
export type Frame = { type: string; id?: string | number; cursor?: string; ts: string; payload: unknown };
