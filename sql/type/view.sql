-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the objects of the API are made of: SQL says the facts, the daemon writes the objects
-- (bridge/view). Each type is also a struct there (scripts/gen-sql), with a member of each attribute.
-- How an attribute is shown says a row of bridge/view/schema.def.

CREATE TYPE user_view AS (
  id uuid, username text, name text, avatar_url text, bio text, jid text, kind text, number bigint);

-- A file. parts: what was made of it, [{ name, type, size, width, height }]; url: where it lies, if that is elsewhere.
CREATE TYPE file_view AS (
  id uuid, user_id uuid, kind text, purpose text, name text, type text, size bigint, received bigint, state text, scan text,
  width bigint, height bigint, duration bigint, waveform text, sha256 text, parts jsonb, locked boolean,
  expires_at timestamptz, created_at timestamptz, url text, problem text);

-- What a message has: a file, or a link.
CREATE TYPE gallery_view AS (message_id uuid, conversation_id uuid, seq bigint, file file_view, url text);

CREATE TYPE preview_view AS (
  url text, title text, description text, site text, image_hash text, file file_view);

-- What a message carries besides its text, and what was done to it. quote: { message_id, sender_id, content,
-- message_type, deleted } of the message that it answers; NULL, as all else: nothing. blind: of a message that is just
-- stored, ids of members who do not see that one: theirs is a quote of nothing (core/message.c).
CREATE TYPE content_view AS (
  reply_to uuid, quote jsonb, thread_id uuid, mentions jsonb, forwarded boolean, forward_count bigint,
  edited_at timestamptz, deleted_at timestamptz, expires_at timestamptz, blind jsonb, attachments file_view[], sending boolean, preview preview_view);

-- sender: NULL, as is sender_id: the system says it. content: NULL of most. delivered_at, read_at: when the recipient's
-- watermarks got to it, whether it failed or not. sent_at: long before, as the sender's side says.
CREATE TYPE message_view AS (
  id uuid, client_id text, conversation_id uuid, seq bigint, sender user_view, sender_id uuid,
  body text, kind text, metadata jsonb, sent_at timestamptz, failed boolean,
  delivered_at timestamptz, read_at timestamptz, created_at timestamptz, reactions jsonb,
  content content_view);

-- reactions, here and in a message: see sql/function/reaction.sql; NULL: none.
CREATE TYPE reaction_view AS (
  message_id uuid, conversation_id uuid, user_id uuid, emoji text, added boolean, reactions jsonb);

CREATE TYPE forwarded_view AS (items message_view[]);

-- message_count: without the message at which it begins, which is parent.
CREATE TYPE thread_view AS (
  id uuid, conversation_id uuid, parent_message_id uuid, topic text, is_resolved boolean, participants jsonb,
  message_count bigint, last_message_at timestamptz);

-- unread: a number, for the user's own devices alone.
CREATE TYPE mark_view AS (
  conversation_id uuid, user_id uuid, message_id uuid, seq bigint, at timestamptz, unread jsonb);

CREATE TYPE unread_view AS (messages bigint, conversations bigint, requests bigint, mentions bigint, missed_calls bigint);

-- How far a reader has come, and when, for the messages of a page: the one who asks (own), or the other side.
CREATE TYPE reach_view AS (own boolean, read boolean, seq bigint, at timestamptz);

-- What the messages of a page have in common, see message_page().
CREATE TYPE page_view AS (senders user_view[], marks reach_view[], place bigint);

CREATE TYPE failure_view AS (
  conversation_id uuid, message_id uuid, client_id text, condition text);

-- permissions: what the member may do in a group, a list; last_seen_at: NULL where it is not asked for.
CREATE TYPE participant_view AS (
  member user_view, role text, joined_at timestamptz, last_read_seq bigint, state text, permissions jsonb,
  last_seen_at timestamptz);

-- participants: of two, the one who asks is the first; of many not all. muted_until: a time as the API has it, or forever.
-- marked_unread: by the one who asks, and has not been read since. draft: as the API has it. settings: NULL: it has none.
CREATE TYPE conversation_view AS (
  id uuid, kind text, jid text, name text, description text, icon_url text,
  participants participant_view[], last_message message_view, last_at timestamptz, unread bigint,
  pinned boolean, muted_until text, archived boolean, request text, blocked boolean,
  created_at timestamptz, marked_unread boolean, draft jsonb, settings jsonb, member_count bigint, notify text,
  disappearing_seconds bigint, unread_mentions bigint, elsewhere jsonb);

-- What has become of a membership; by: NULL: the system did it.
CREATE TYPE member_view AS (
  conversation_id uuid, member user_view, by uuid, state text, role text, permissions jsonb);

-- What a member has got and read of a message, and when; NULL: not yet, or not told.
CREATE TYPE receipt_view AS (member user_view, delivered_at timestamptz, read_at timestamptz);

CREATE TYPE request_view AS (conversation conversation_view, subscription boolean, note text);

CREATE TYPE user_list_view AS (items user_view[]);
