-- SPDX-License-Identifier: GPL-3.0-or-later
-- Accounts that live on another server and are used here, too (users.kind bound). See decision 0071.

-- Of a direct conversation with such a member: where what each member does goes by XMPP, parallel to member_ids;
-- NULL: it came by XMPP. NULL as a whole: remote_jid says it.
ALTER TABLE conversations ADD reach text[];

CREATE TABLE bound_accounts (
  user_id uuid PRIMARY KEY REFERENCES users,
  resource text NOT NULL,                -- of its session there, before something is added after conflicts
  watched boolean NOT NULL DEFAULT false, -- is to be bound without a socket, too
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bound_accounts_watched ON bound_accounts (user_id) WHERE watched;

-- Stanzas that wait for the session of their account.
CREATE TABLE bound_outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users,
  stanza_id text,                        -- @id: one that comes again is the same
  stanza text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bound_outbox_user ON bound_outbox (user_id, id);
CREATE UNIQUE INDEX bound_outbox_once ON bound_outbox (user_id, stanza_id) WHERE stanza_id IS NOT NULL;
