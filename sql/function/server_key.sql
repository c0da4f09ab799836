-- SPDX-License-Identifier: GPL-3.0-or-later
-- Keys of application backends.

-- A name can be used again once its key is revoked; until then it is a unique violation.
CREATE FUNCTION server_key_create(p_name text, p_digest bytea, p_scopes text[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM server_keys WHERE name = p_name AND revoked_at IS NOT NULL;
  INSERT INTO server_keys (name, digest, scopes) VALUES (p_name, p_digest, p_scopes)
$$;

-- Ends the key, the tickets that it made, and whom they let in. False: there is no such key (any more).
CREATE FUNCTION server_key_revoke(p_name text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  ended bytea;
BEGIN
  UPDATE server_keys SET revoked_at = now() WHERE name = p_name AND revoked_at IS NULL
    RETURNING digest INTO ended;
  IF ended IS NULL THEN
    RETURN false;
  END IF;
  PERFORM credential_revoke('00000000-0000-0000-0000-000000000000',
                            left(encode(ended, 'hex'), 32)::uuid, ticket_end());
  RETURN true;
END $$;
