-- SPDX-License-Identifier: GPL-3.0-or-later
-- What trestle-fetch gets from others. See decision 0089.

-- What pages say of themselves, for a while.
CREATE TABLE link_previews (
  digest bytea PRIMARY KEY,                 -- of url
  url text NOT NULL,
  title text,
  description text,
  site text,
  image_hash text,                          -- of pictures
  found boolean NOT NULL,                   -- false: there is nothing that could be shown
  expires_at timestamptz NOT NULL
);
CREATE INDEX link_previews_expires ON link_previews (expires_at);
CREATE INDEX link_previews_image ON link_previews (image_hash) WHERE image_hash IS NOT NULL;

-- Which messages show such a picture, for as long as they do.
CREATE TABLE message_pictures (
  message_id uuid PRIMARY KEY,
  image_hash text NOT NULL
);
CREATE INDEX message_pictures_image ON message_pictures (image_hash);

-- avatar_copy: of pictures, what lies at avatar_url; '': it is not shown, since it has not come, or could not be had; NULL:
-- nobody fetches it.
ALTER TABLE users ADD COLUMN avatar_copy text;
CREATE INDEX users_avatar_copy ON users (avatar_copy) WHERE avatar_copy > '';
