// SPDX-License-Identifier: GPL-3.0-or-later
// The REST calls, a function each. Whoever has a session cookie needs its CSRF token; whoever has a bearer token, that.
import { type CompactPage, expandPage } from "./compact";
import { Problem, unreachable } from "./problem";
import type * as T from "./types";

export type Query = Record<string, string | number | boolean | null | undefined>;
export type Credentials = { token?: string; csrf?: string };

const TIMEOUT = 20_000; // milliseconds
const segment = encodeURIComponent;

export class Rest {
  base: string;
  credentials: Credentials = {};
  /** Called when the server says that one is not signed in (any more). */
  onSignedOut: (() => void) | null = null;

  constructor(base = "") {
    this.base = base;
  }

  private headers(hasBody: boolean): Record<string, string> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (hasBody) headers["Content-Type"] = "application/json";
    if (this.credentials.token) headers.Authorization = `Bearer ${this.credentials.token}`;
    if (this.credentials.csrf) headers["X-CSRF-Token"] = this.credentials.csrf;
    return headers;
  }

  /** Throws a Problem. */
  async request<R>(
    method: string,
    path: string,
    options: {
      body?: unknown;
      query?: Query;
      raw?: Blob;
      signal?: AbortSignal;
      timeout?: number;
      keepalive?: boolean; // it goes on when the page does not
      headers?: Record<string, string>;
    } = {},
  ): Promise<R> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== null && value !== undefined) query.set(name, String(value));
    }
    const address = `${this.base}${path}${query.size > 0 ? `?${query}` : ""}`;
    const aborter = new AbortController();
    const timer = setTimeout(() => aborter.abort(), options.timeout ?? TIMEOUT);
    options.signal?.addEventListener("abort", () => aborter.abort());
    let response: Response;
    let object: unknown = null;
    try {
      response = await fetch(address, {
        method,
        headers: { ...this.headers(options.body !== undefined), ...options.headers },
        body: options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
        credentials: "same-origin",
        keepalive: options.keepalive,
        signal: aborter.signal,
      });
      const text = await response.text();
      object = text === "" ? null : JSON.parse(text);
    } catch (error) {
      throw unreachable(error);
    } finally {
      clearTimeout(timer);
    }
    if (response.ok) return object as R;
    const wait = response.headers.get("Retry-After");
    if (response.status === 401) this.onSignedOut?.();
    throw Problem.fromObject(object as T.Problem, response.status, wait ? Number(wait) : null);
  }

  // Sessions
  signIn(what: T.SignIn) {
    return this.request<T.Session>("POST", "/api/session", { body: what });
  }
  session() {
    return this.request<T.Session>("GET", "/api/session");
  }
  signOut() {
    return this.request<null>("DELETE", "/api/session");
  }
  signOutEverywhere() {
    return this.request<null>("DELETE", "/api/session/all");
  }
  ticket() {
    return this.request<{ ticket: string }>("POST", "/api/session/ticket");
  }
  capabilities() {
    return this.request<T.Capabilities>("GET", "/api/capabilities");
  }

  // Users
  me() {
    return this.request<T.Self>("GET", "/api/users/me");
  }
  updateMe(changes: { name?: string; bio?: string | null }) {
    return this.request<T.User>("PATCH", "/api/users/me", { body: changes });
  }
  setAvatar(picture: Blob) {
    return this.request<T.User>("PUT", "/api/users/me/avatar", {
      raw: picture,
      headers: { "Content-Type": picture.type },
    });
  }
  removeAvatar() {
    return this.request<T.User>("DELETE", "/api/users/me/avatar");
  }
  user(id: string) {
    return this.request<T.User>("GET", `/api/users/${segment(id)}`);
  }
  searchUsers(q: string, signal?: AbortSignal) {
    return this.request<{ items: T.User[] }>("GET", "/api/users/search", { query: { q }, signal });
  }
  presence(id: string) {
    return this.request<T.Presence>("GET", `/api/users/${segment(id)}/presence`);
  }
  block(id: string) {
    return this.request("POST", `/api/users/${segment(id)}/block`);
  }
  unblock(id: string) {
    return this.request("DELETE", `/api/users/${segment(id)}/block`);
  }
  blocked(before?: string) {
    return this.request<T.Page<T.User>>("GET", "/api/users/blocked", { query: { before } });
  }
  restrict(id: string, on: boolean) {
    return this.request<T.Restriction>(on ? "PUT" : "DELETE", `/api/users/${segment(id)}/restrict`);
  }
  restricted(after?: string) {
    return this.request<T.Page<T.Restriction>>("GET", "/api/users/restricted", { query: { after } });
  }
  dataSharing() {
    return this.request<T.DataSharing>("GET", "/api/settings/data-sharing");
  }
  updateDataSharing(changes: Partial<T.DataSharing>) {
    return this.request<T.DataSharing>("PATCH", "/api/settings/data-sharing", { body: changes });
  }
  retention() {
    return this.request<T.Retention>("GET", "/api/settings/retention");
  }
  updateRetention(messages_days: number) {
    return this.request<T.Retention>("PATCH", "/api/settings/retention", { body: { messages_days } });
  }
  account() {
    return this.request<T.Account>("GET", "/api/account");
  }
  /** CONFIRM: the own address. Signs out everywhere. */
  deleteAccount(confirm: string) {
    return this.request<T.Account>("DELETE", "/api/account", { body: { confirm } });
  }
  restoreAccount() {
    return this.request<T.Account>("POST", "/api/account/restore");
  }
  exports(after?: string) {
    return this.request<T.Page<T.Export>>("GET", "/api/account/exports", { query: { after } });
  }
  makeExport() {
    return this.request<T.Export>("POST", "/api/account/exports");
  }
  removeExport(id: string) {
    return this.request("DELETE", `/api/account/exports/${segment(id)}`);
  }
  /** The one that waits for those who are in it; null: none does. */
  async conversationExport(id: string): Promise<T.Export | null> {
    try {
      return await this.request<T.Export>("GET", `/api/conversations/${segment(id)}/export`);
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return null;
      throw error;
    }
  }
  exportConversation(id: string) {
    return this.request<T.Export>("POST", `/api/conversations/${segment(id)}/export`);
  }
  consentToExport(id: string, exported: string, consent: boolean) {
    return this.request<T.Export>("POST", `/api/conversations/${segment(id)}/export/consent`, {
      body: { export_id: exported, consent },
    });
  }
  contacts(after?: string) {
    return this.request<T.Page<T.Contact>>("GET", "/api/contacts", { query: { after } });
  }
  addContact(whom: { user_id: string } | { jid: string }) {
    return this.request<T.Contact>("POST", "/api/contacts", { body: whom });
  }
  updateContact(user: string, changes: { name?: string | null; groups?: string[] }) {
    return this.request<T.Contact>("PATCH", `/api/contacts/${segment(user)}`, { body: changes });
  }
  removeContact(user: string) {
    return this.request<T.Contact>("DELETE", `/api/contacts/${segment(user)}`);
  }
  limits() {
    return this.request<T.Limits>("GET", "/api/limits");
  }
  privacy() {
    return this.request<T.Privacy>("GET", "/api/settings/privacy");
  }
  updatePrivacy(changes: Partial<T.Privacy>) {
    return this.request<T.Privacy>("PATCH", "/api/settings/privacy", { body: changes });
  }

  // Conversations
  async conversations(
    query: { filter?: string; q?: string; before?: string; limit?: number } = {},
    signal?: AbortSignal,
  ): Promise<T.Page<T.Conversation>> {
    const compact = { ...query, view: "compact" };
    return expandPage(
      await this.request<CompactPage>("GET", "/api/conversations", { query: compact, signal }),
    );
  }
  conversation(id: string) {
    return this.request<T.Conversation>("GET", `/api/conversations/${segment(id)}`);
  }
  openConversation(whom: { participant_id: string } | { jid: string }) {
    return this.request<T.Conversation>("POST", "/api/conversations", { body: whom });
  }
  updateConversation(id: string, changes: Record<string, unknown>) {
    return this.request<T.Conversation>("PATCH", `/api/conversations/${segment(id)}`, { body: changes });
  }
  removeConversation(id: string) {
    return this.request("DELETE", `/api/conversations/${segment(id)}`);
  }
  /** NICK and PASSWORD are for rooms of other services. */
  acceptRequest(id: string, room: { nick?: string; password?: string } = {}) {
    return this.request<T.Conversation>("POST", `/api/conversations/${segment(id)}/accept`, { body: room });
  }
  declineRequest(id: string) {
    return this.request<T.Conversation>("POST", `/api/conversations/${segment(id)}/decline`);
  }
  unread() {
    return this.request<T.Unread>("GET", "/api/unread");
  }
  markRead(id: string, message?: string, keepalive = false) {
    return this.request("PUT", `/api/conversations/${segment(id)}/read`, {
      body: message ? { message_id: message } : {},
      keepalive,
    });
  }
  saveDraft(id: string, content: string, replyTo: string | null) {
    return this.request("PUT", `/api/conversations/${segment(id)}/draft`, {
      body: { content, reply_to: replyTo },
    });
  }
  removeDraft(id: string) {
    return this.request("DELETE", `/api/conversations/${segment(id)}/draft`);
  }

  // Groups
  createGroup(group: {
    name: string;
    description?: string;
    members: ({ user_id: string } | { jid: string })[];
  }) {
    return this.request<T.Conversation>("POST", "/api/groups", { body: group });
  }
  members(
    id: string,
    query: { q?: string; after?: string; state?: string; limit?: number } = {},
    signal?: AbortSignal,
  ) {
    return this.request<T.Page<T.Participant>>("GET", `/api/conversations/${segment(id)}/members`, {
      query,
      signal,
    });
  }
  addMembers(id: string, members: ({ user_id: string } | { jid: string })[]) {
    return this.request<T.Conversation>("POST", `/api/conversations/${segment(id)}/members`, {
      body: { members },
    });
  }
  setMember(id: string, user: string, changes: { role?: string; permissions?: string[]; banned?: boolean }) {
    return this.request<T.Participant>("PUT", `/api/conversations/${segment(id)}/members/${segment(user)}`, {
      body: changes,
    });
  }
  removeMember(id: string, user: string) {
    return this.request("DELETE", `/api/conversations/${segment(id)}/members/${segment(user)}`);
  }
  setIcon(id: string, picture: Blob | null) {
    const path = `/api/conversations/${segment(id)}/icon`;
    return picture
      ? this.request<T.Conversation>("PUT", path, { raw: picture, headers: { "Content-Type": picture.type } })
      : this.request<T.Conversation>("DELETE", path);
  }
  endGroup(id: string) {
    return this.request("DELETE", `/api/groups/${segment(id)}`);
  }
  /** By the address of its room, here or elsewhere. */
  enterGroup(room: { jid: string; nick?: string; password?: string }) {
    return this.request<T.Conversation>("POST", "/api/groups/join", { body: room });
  }
  joinGroup(id: string) {
    return this.request<T.Conversation>("POST", `/api/conversations/${segment(id)}/join`);
  }
  leaveGroup(id: string, successor?: string) {
    return this.request("POST", `/api/conversations/${segment(id)}/leave`, {
      body: successor ? { successor } : {},
    });
  }

  // Messages
  /** BEFORE, AFTER and AROUND are an id, "seq:N", "time:T" (RFC 3339) or "unread". */
  messages(
    id: string,
    query: { before?: string; after?: string; around?: string; limit?: number } = {},
    signal?: AbortSignal,
  ) {
    return this.request<T.MessagePage>("GET", `/api/conversations/${segment(id)}/messages`, {
      query,
      signal,
    });
  }
  send(id: string, message: T.Outgoing & { client_id: string }) {
    return this.request<T.Message>("POST", `/api/conversations/${segment(id)}/messages`, { body: message });
  }
  message(id: string) {
    return this.request<T.Message>("GET", `/api/messages/${segment(id)}`);
  }
  edit(id: string, content: string) {
    return this.request<T.Message>("PATCH", `/api/messages/${segment(id)}`, { body: { content } });
  }
  remove(id: string, whom: "me" | "everyone") {
    return this.request("DELETE", `/api/messages/${segment(id)}`, { query: { for: whom } });
  }
  history(id: string) {
    return this.request<{ items: { content: string | null; created_at: string; version: number }[] }>(
      "GET",
      `/api/messages/${segment(id)}/history`,
    );
  }
  react(id: string, emoji: string) {
    return this.request("PUT", `/api/messages/${segment(id)}/reactions/${segment(emoji)}`);
  }
  unreact(id: string, emoji: string) {
    return this.request("DELETE", `/api/messages/${segment(id)}/reactions/${segment(emoji)}`);
  }
  star(id: string) {
    return this.request("PUT", `/api/messages/${segment(id)}/star`);
  }
  unstar(id: string) {
    return this.request("DELETE", `/api/messages/${segment(id)}/star`);
  }
  starred(before?: string, conversation?: string) {
    return this.request<T.Page<T.Message>>("GET", "/api/messages/starred", {
      query: { before, conversation_id: conversation },
    });
  }
  forward(id: string, conversations: string[], clientId: string) {
    return this.request("POST", `/api/messages/${segment(id)}/forward`, {
      body: { conversation_ids: conversations, client_id: clientId },
    });
  }
  /** MESSAGES: ids of at most 20 that show what happened. */
  report(what: T.ReportTarget, reason: string, comment: string | null, messages: string[] = []) {
    return this.request("POST", "/api/reports", {
      body: {
        ...what,
        reason,
        comment: comment ?? undefined,
        message_ids: messages.length > 0 ? messages : undefined,
      },
    });
  }
  translate(id: string, to: string) {
    return this.request<T.Translation>("POST", `/api/messages/${segment(id)}/translate`, { body: { to } });
  }
  transcribe(id: string, language?: string) {
    return this.request<T.Transcription>("POST", `/api/messages/${segment(id)}/transcribe`, {
      body: { language },
    });
  }
  transcribeFile(id: string) {
    return this.request<T.Dictation>("POST", `/api/files/${segment(id)}/transcribe`, { body: {} });
  }
  receipts(id: string) {
    return this.request<T.Page<T.Receipt>>("GET", `/api/messages/${segment(id)}/receipts`);
  }
  vote(id: string, options: string[]) {
    return options.length > 0
      ? this.request<T.Message>("PUT", `/api/messages/${segment(id)}/vote`, { body: { options } })
      : this.request<T.Message>("DELETE", `/api/messages/${segment(id)}/vote`);
  }
  closePoll(id: string) {
    return this.request<T.Message>("POST", `/api/messages/${segment(id)}/close`);
  }
  searchMessages(
    query: { q: string; conversation_id?: string; before?: string; limit?: number },
    signal?: AbortSignal,
  ) {
    return this.request<T.Page<T.Message>>("GET", "/api/messages/search", { query, signal });
  }
  schedule(
    id: string,
    message: T.Outgoing & {
      client_id: string;
      scheduled_for?: string;
      local_time?: string;
      time_zone?: string;
    },
  ) {
    return this.request<T.Scheduled>("POST", `/api/conversations/${segment(id)}/scheduled`, {
      body: message,
    });
  }
  scheduled(id: string, query: { status?: string; after?: string } = { status: "pending" }) {
    return this.request<T.Page<T.Scheduled>>("GET", `/api/conversations/${segment(id)}/scheduled`, { query });
  }
  updateScheduled(id: string, changes: { content?: string; local_time?: string; time_zone?: string }) {
    return this.request<T.Scheduled>("PATCH", `/api/scheduled/${segment(id)}`, { body: changes });
  }
  cancelScheduled(id: string) {
    return this.request<T.Scheduled>("DELETE", `/api/scheduled/${segment(id)}`);
  }

  // Threads
  threads(id: string, before?: string) {
    return this.request<T.Page<T.Thread>>("GET", `/api/conversations/${segment(id)}/threads`, {
      query: { before },
    });
  }
  /** Oldest first. */
  thread(id: string, after?: string) {
    return this.request<T.Page<T.Message>>("GET", `/api/messages/${segment(id)}/thread`, {
      query: { after },
    });
  }
  updateThread(id: string, changes: { topic?: string | null; is_resolved?: boolean }) {
    return this.request<T.Thread>("PATCH", `/api/threads/${segment(id)}`, { body: changes });
  }

  // Moderation, for staff; and what was done about oneself
  reports(query: { state?: string; after?: string }) {
    return this.request<T.Page<T.Report>>("GET", "/api/moderation/reports", { query });
  }
  reportShown(id: string) {
    return this.request<T.ReportShown>("GET", `/api/moderation/reports/${segment(id)}`);
  }
  updateReport(id: string, state: string) {
    return this.request<T.Report>("PATCH", `/api/moderation/reports/${segment(id)}`, { body: { state } });
  }
  moderate(action: Record<string, unknown>) {
    return this.request<T.ModerationAction>("POST", "/api/moderation/actions", { body: action });
  }
  actions(query: { appealed?: boolean; after?: string }) {
    return this.request<T.Page<T.ModerationAction>>("GET", "/api/moderation/actions", { query });
  }
  undoAction(id: string) {
    return this.request<T.ModerationAction>("DELETE", `/api/moderation/actions/${segment(id)}`);
  }
  decideAppeal(id: string, decision: "granted" | "denied") {
    return this.request<T.ModerationAction>("PATCH", `/api/moderation/actions/${segment(id)}/appeal`, {
      body: { decision },
    });
  }
  /** Oldest first. */
  heldFiles(after?: string) {
    return this.request<T.Page<T.HeldFile>>("GET", "/api/moderation/files", { query: { after } });
  }
  /** A link to a file that is held back, or was reported: for a while, to save it. */
  lookAtFile(id: string) {
    return this.request<{ download_url: string }>("POST", `/api/moderation/files/${segment(id)}/look`);
  }
  decideFile(id: string, decision: "release" | "remove") {
    return this.request<T.HeldFile>("POST", `/api/moderation/files/${segment(id)}/decide`, {
      body: { decision },
    });
  }
  ownActions() {
    return this.request<{ items: T.OwnAction[] }>("GET", "/api/moderation/mine");
  }
  appeal(id: string, text: string) {
    return this.request<T.OwnAction>("POST", `/api/moderation/actions/${segment(id)}/appeal`, {
      body: { text },
    });
  }

  // Links
  checkLinks(urls: string[]) {
    return this.request<{ items: T.CheckedLink[] }>("POST", "/api/links/check", { body: { urls } });
  }
  previewLink(url: string) {
    return this.request<T.LinkPreview>("POST", "/api/links/preview", { body: { url } });
  }

  // Files
  makeUpload(file: { filename: string; size: number; mime_type: string; purpose?: "attachment" | "voice" }) {
    return this.request<T.UploadRoom>("POST", "/api/uploads", { body: file });
  }
  file(id: string) {
    return this.request<T.File>("GET", `/api/files/${segment(id)}`);
  }
  updateFile(id: string, changes: { expires_at?: string | null; password?: string | null }) {
    return this.request<T.File>("PATCH", `/api/files/${segment(id)}`, { body: changes });
  }
  unlockFile(id: string, password: string) {
    return this.request<{ download_url: string }>("POST", `/api/files/${segment(id)}/unlock`, {
      body: { password },
    });
  }
  removeFile(id: string) {
    return this.request("DELETE", `/api/files/${segment(id)}`);
  }
  media(id: string, query: { kind: T.MediaKind; before?: string; limit?: number }) {
    return this.request<T.Page<T.MediaItem>>("GET", `/api/conversations/${segment(id)}/media`, { query });
  }

  /** For requests that are made elsewhere: who is signed in. */
  authorize(): Record<string, string> {
    return this.headers(false);
  }

  // Events without a socket
  sync(since: string | null, wait: number, signal?: AbortSignal) {
    return this.request<{ items: T.Frame[]; cursor: string; has_more: boolean }>("GET", "/api/sync", {
      query: { since, wait },
      signal,
      timeout: (wait + 15) * 1000,
    });
  }

  // Calls
  iceServers() {
    return this.request<T.IceServers>("GET", "/api/calls/ice-servers");
  }
  initiateCall(conversation: string, callType: "audio" | "video", session?: string) {
    return this.request<T.CallBegun>("POST", "/api/calls/initiate", {
      body: { conversation_id: conversation, call_type: callType, session_id: session },
    });
  }
  acceptCall(id: string, session?: string) {
    return this.request<T.CallBegun>("POST", `/api/calls/${segment(id)}/accept`, {
      body: { session_id: session },
    });
  }
  declineCall(id: string, session?: string) {
    return this.request("POST", `/api/calls/${segment(id)}/decline`, { body: { session_id: session } });
  }
  endCall(id: string, session?: string) {
    return this.request<T.Call>("POST", `/api/calls/${segment(id)}/end`, { body: { session_id: session } });
  }
  signalCall(id: string, type: string, data: unknown, session?: string) {
    return this.request("POST", `/api/calls/${segment(id)}/signal`, {
      body: { type, data, session_id: session },
    });
  }
  callState(id: string, state: Record<string, unknown>, session?: string) {
    return this.request<T.Call>("POST", `/api/calls/${segment(id)}/state`, {
      body: { ...state, session_id: session },
    });
  }
  /** At most 120 samples. */
  callStats(id: string, samples: T.CallSample[]) {
    return this.request("POST", `/api/calls/${segment(id)}/stats`, { body: { samples } });
  }
  /** Asks USER to go on with the call in one's own place. */
  transferCall(id: string, user: string) {
    return this.request<T.Call>("POST", `/api/calls/${segment(id)}/transfer`, { body: { user_id: user } });
  }
  calls(before?: string) {
    return this.request<T.Page<T.Call>>("GET", "/api/calls", { query: { before } });
  }
}
