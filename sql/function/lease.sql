-- SPDX-License-Identifier: GPL-3.0-or-later
-- Leases among instances.

-- Takes the lease if it is free or run out, or renews it. ret_epoch is the holder's, whoever that is;
-- it rises when the lease changes hands, and when it had run out. p_useful: the holder can do what the
-- lease is for; ret_useful: the present one can.
CREATE FUNCTION lease_take(p_name text, p_holder text, p_milliseconds int, p_useful boolean DEFAULT false,
                           OUT ret_held boolean, OUT ret_epoch bigint, OUT ret_useful boolean)
LANGUAGE plpgsql AS $$
DECLARE
  present timestamptz := clock_timestamp();
BEGIN
  INSERT INTO leases AS l (name, holder, epoch, expires_at, useful)
    VALUES (p_name, p_holder, 1, present + p_milliseconds * interval '1 millisecond', p_useful)
    ON CONFLICT (name) DO UPDATE
      SET epoch = CASE WHEN l.holder = p_holder AND l.expires_at > present THEN l.epoch
                       ELSE l.epoch + 1 END,
          holder = p_holder, expires_at = EXCLUDED.expires_at, useful = p_useful
      WHERE l.holder = p_holder OR l.expires_at <= present
    RETURNING true, l.epoch, l.useful INTO ret_held, ret_epoch, ret_useful;
  IF ret_held IS NULL THEN
    SELECT false, l.epoch, l.useful INTO ret_held, ret_epoch, ret_useful
      FROM leases l WHERE l.name = p_name;
  END IF;
END $$;

-- Gives it back, if it is still the holder's.
CREATE FUNCTION lease_release(p_name text, p_holder text, p_epoch bigint) RETURNS void
LANGUAGE sql AS $$
  UPDATE leases SET expires_at = '-infinity'
    WHERE name = p_name AND holder = p_holder AND epoch = p_epoch
$$;
