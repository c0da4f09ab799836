-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users call their contacts, and how they group them (RFC 6121 section 2). See decision 0127.

ALTER TABLE contacts
  ADD name text,
  ADD groups text[] NOT NULL DEFAULT '{}', -- each once, in order
  ADD listed jsonb; -- of accounts of other servers: name and groups as the server has them, where these are others; {}: too much to keep
