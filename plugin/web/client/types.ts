// SPDX-License-Identifier: GPL-3.0-or-later
// The objects of the API, as its own description has them.
import type { components as Frames } from "./generated/frames";
import type { components } from "./generated/openapi";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Self = Schemas["Self"];
export type Conversation = Schemas["Conversation"];
export type Participant = Schemas["Participant"];
export type Message = Schemas["Message"];
export type Quote = NonNullable<Schemas["Message"]["quote"]>;
export type Presence = Schemas["Presence"];
export type Privacy = Schemas["Privacy"];
export type Session = Schemas["Session"];
export type Scheduled = Schemas["Scheduled"];
export type Thread = Schemas["Thread"];
export type Receipt = Schemas["Receipt"];
export type Contact = Schemas["Contact"];
export type Call = Schemas["Call"];
export type CallSample = { at: string; rtt_ms?: number; jitter_ms?: number; loss?: number; bitrate?: number };
/** Somebody asks one to take a call over, or what became of that. */
export type CallOffer = {
  call_id: string;
  call_type: "audio" | "video";
  status: "offered" | "declined" | "expired" | "withdrawn";
  from: User;
  to: User;
  with: User;
};
export type CallBegun = Schemas["CallBegun"];
export type IceServers = Schemas["IceServers"];
export type File = Schemas["File"];
export type UploadRoom = Schemas["Upload"];
export type Capabilities = Schemas["Capabilities"];
export type Problem = Schemas["Problem"];
export type Report = Schemas["Report"];
export type ReportShown = Schemas["ReportShown"];
export type HeldFile = Schemas["HeldFile"];
export type ModerationAction = Schemas["ModerationAction"];
export type OwnAction = Schemas["OwnAction"];
export type Translation = Schemas["Translation"];
export type Transcription = Schemas["Transcription"];
export type Dictation = Schemas["Dictation"];
export type Restriction = Schemas["Restriction"];
export type DataSharing = Schemas["DataSharing"];
export type Retention = Schemas["Retention"];
export type Account = Schemas["Account"];
export type Limits = Schemas["Limits"];
export type Export = Schemas["Export"];
export type CheckedLink = Schemas["CheckedLink"];
export type LinkPreview = Schemas["LinkPreview"];
export type Unread = Schemas["Unread"];
export type Page<T> = { items: T[]; has_more: boolean; next: string | null };
export type MediaKind = "image" | "video" | "voice" | "file" | "link";
export type MediaItem = { message_id: string; seq: number; file: File | null; url?: string | null };

/** `has_more` is about where the page was asked to go. */
export type MessagePage = Page<Message> & { has_more_before: boolean; has_more_after: boolean };

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
  link_preview?: { url: string }; // the server adds what the page says
};

/** A frame of the socket's native dialect. */
export type Frame = { type: string; id?: string | number; cursor?: string; ts: string; payload: unknown };

/** Messages that were kept for long enough are gone. */
export type ConversationExpired = Frames["schemas"]["ConversationExpired"];

/** Another device has other settings; `value` is what a GET of them answers now. */
export type SettingsUpdated =
  | { setting: "privacy"; value: Privacy }
  | { setting: "data_sharing"; value: DataSharing }
  | { setting: "retention"; value: Retention };

/** What signs in: a token, a link's code, or an account of an XMPP server. */
export type SignIn = { token: string } | { code: string } | { jid: string; password: string };

/** What is reported. */
export type ReportTarget =
  | { message_id: string }
  | { user_id: string }
  | { conversation_id: string }
  | { call_id: string };
