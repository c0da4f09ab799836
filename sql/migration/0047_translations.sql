-- SPDX-License-Identifier: GPL-3.0-or-later
-- What messages say in other languages, as the service of the operator's has said. See decision 0081.
CREATE TABLE translations (
  message_id uuid NOT NULL,
  language text COLLATE "C" NOT NULL,       -- into which, as it was asked for
  version int NOT NULL,                     -- of the message: how often it had been edited
  content text NOT NULL,
  source text,                              -- the language of the message, if the service says so
  provider text,                            -- who it was, if it says so
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (message_id, language)
);
