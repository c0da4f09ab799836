-- SPDX-License-Identifier: GPL-3.0-or-later
-- The archives of accounts that live on an XMPP server, as its own MAM module keeps them here. See decision 0072.

-- Which hosts a role of PostgreSQL, an XMPP server, keeps archives of.
CREATE TABLE mam_roles (
  role text NOT NULL,
  host text COLLATE "C" NOT NULL,
  PRIMARY KEY (role, host)
);

-- An archive. Its row is locked by whoever adds to it, until the commit: places are therefore visible in the order in
-- which they were given out, and a reader that pages forward never misses one that commits later.
CREATE TABLE mam_owners (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  jid text COLLATE "C" NOT NULL UNIQUE,
  host text COLLATE "C" NOT NULL,
  place bigint NOT NULL DEFAULT 0,     -- the last one given out; 1, 2, 3 … without gaps
  first bigint NOT NULL DEFAULT 1,     -- older places were trimmed
  seen timestamptz NOT NULL DEFAULT '-infinity', -- mam_holders.seen of the newest
  late interval NOT NULL DEFAULT '0',  -- the most by which a stamp was before what was seen
  bound boolean NOT NULL DEFAULT false, -- what it holds is folded into conversations
  folded bigint NOT NULL DEFAULT 0     -- as far as that has come
) WITH (fillfactor = 50);
CREATE INDEX mam_owners_host ON mam_owners (host, id);

-- A stanza, once, whoever holds it.
CREATE TABLE mam_stanzas (
  uid uuid PRIMARY KEY,
  stamp timestamptz NOT NULL,          -- when it was said
  kind text NOT NULL,                  -- chat, groupchat
  sender text NOT NULL,                -- full JID
  recipient text COLLATE "C" NOT NULL, -- bare JID, or the room
  origin text,                         -- origin-id, else @id
  nick text,
  stanza text NOT NULL
);

-- What an archive holds. gone: a tombstone: its place and uid are known, nothing else.
CREATE TABLE mam_holders (
  owner_id bigint NOT NULL,
  place bigint NOT NULL,
  uid uuid NOT NULL,
  peer text COLLATE "C" NOT NULL,      -- bare JID
  outgoing boolean NOT NULL,
  gone boolean NOT NULL DEFAULT false,
  stamp timestamptz NOT NULL,          -- mam_stanzas.stamp
  seen timestamptz NOT NULL,           -- not before that, nor before the one of the place before
  PRIMARY KEY (owner_id, place)
);
CREATE UNIQUE INDEX mam_holders_uid ON mam_holders (owner_id, uid);
CREATE INDEX mam_holders_peer ON mam_holders (owner_id, peer, place);

-- Archives with something that waits to be folded.
CREATE TABLE bound_queue (
  owner_id bigint PRIMARY KEY
);

-- How far archives of servers were taken over.
CREATE TABLE mam_imports (
  owner text COLLATE "C" PRIMARY KEY,
  last text NOT NULL,                  -- the server's own id of the newest that was
  count bigint NOT NULL,
  finished_at timestamptz              -- NULL: there was more
);
