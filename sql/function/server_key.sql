-- SPDX-License-Identifier: GPL-3.0-or-later
-- Keys of application backends.

-- A name can be used again once its key is revoked; until then it is a unique violation.
CREATE FUNCTION server_key_create(p_name text, p_digest bytea, p_scopes text[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM server_keys WHERE name = p_name AND revoked_at IS NOT NULL;
  INSERT INTO server_keys (name, digest, scopes) VALUES (p_name, p_digest, p_scopes)
$$;

-- The scopes of a key that is not revoked.
CREATE FUNCTION server_key_find(p_digest bytea) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT array_to_string(scopes, ' ') FROM server_keys
    WHERE digest = p_digest AND revoked_at IS NULL
$$;

CREATE FUNCTION server_key_revoke(p_name text) RETURNS boolean
LANGUAGE sql AS $$
  WITH revoked AS (
    UPDATE server_keys SET revoked_at = now()
      WHERE name = p_name AND revoked_at IS NULL RETURNING 1)
  SELECT EXISTS (SELECT FROM revoked)
$$;
