-- SPDX-License-Identifier: GPL-3.0-or-later
-- Presence subscriptions of hosted users: what the functions of sql/function/contact.sql need.

CREATE INDEX contacts_pending ON contacts (user_id) WHERE pending_in;

-- Hosted users whose contacts were told that they are online: what is to be taken back after the
-- daemon was stopped or died.
CREATE TABLE shown_online (
  user_id uuid PRIMARY KEY REFERENCES users,
  since timestamptz NOT NULL DEFAULT now()
);
