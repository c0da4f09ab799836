-- SPDX-License-Identifier: GPL-3.0-or-later
-- Groups. See decision 0062.

ALTER TABLE conversations
  ADD room text COLLATE "C",           -- of a group: its address is this at the rooms' domain, if there is one
  ADD public boolean NOT NULL DEFAULT false, -- whoever wants to may become a member
  ADD icon_hash text,                  -- one of pictures; NULL: none
  ADD destroyed_at timestamptz,        -- NULL: it is there
  ADD settings jsonb;                  -- those that are not as group_settings() has them by default; NULL: none
UPDATE conversations SET room = substr(md5(gen_random_uuid()::text), 1, 16) WHERE kind = 'group';
CREATE UNIQUE INDEX conversations_room ON conversations (room) WHERE room IS NOT NULL;
CREATE INDEX conversations_icon ON conversations (icon_hash) WHERE icon_hash IS NOT NULL;

ALTER TABLE members
  ADD permissions text[],              -- NULL: those of the role
  ADD nick text,                       -- in the room; NULL: the user's name
  ADD notify text CHECK (notify IN ('all', 'mentions', 'none')), -- NULL: not said
  ADD invited_by uuid,                 -- who asked; NULL: nobody, or long ago
  ADD spoke_at timestamptz;            -- where how often one may write is bounded: the last time
