-- SPDX-License-Identifier: GPL-3.0-or-later
-- What is made of files takes room, too. See decision 0101.
ALTER TABLE files ADD COLUMN made bigint NOT NULL DEFAULT 0; -- bytes in the store besides size; less than 0: the file as it came is there no more

UPDATE files f SET made = x.bytes - CASE WHEN f.moved AND f.parts @> '[{"name": "clean"}]' THEN f.size ELSE 0 END
  FROM (SELECT p.id, sum((e->>'size')::bigint) AS bytes FROM files p, jsonb_array_elements(p.parts) e GROUP BY p.id) x
  WHERE x.id = f.id AND f.key IS NOT NULL;
INSERT INTO file_usage AS u (user_id, bytes)
  SELECT '00000000-0000-0000-0000-000000000000', sum(f.made) FROM files f HAVING sum(f.made) <> 0
  ON CONFLICT (user_id) DO UPDATE SET bytes = greatest(u.bytes + excluded.bytes, 0);
