-- SPDX-License-Identifier: GPL-3.0-or-later
-- How texts are compared when somebody searches: one folding for messages, for users and for the
-- list of conversations. See decision 0034.
--
-- Folded: compatible forms are one (NFKC: full width, ligatures, an accent typed by itself), case is
-- folded in full (ß and SS are ss), and what cannot be seen (soft hyphens, joiners, marks of
-- direction) is left out. Words end where a character is no letter, mark or digit.
--
-- The classes below are made of ICU 72's properties, so that an index means the same on any server.
-- What is not assigned there counts as its neighbours do: among symbols as a symbol, so that no
-- emoji of a later year is part of a word. Who changes what a text folds to counts text_folding() up.

-- The edition of this folding. What was derived with another one is made anew (search_renew()).
CREATE FUNCTION text_folding() RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT 1
$$;

-- A character that cannot be seen: Default_Ignorable_Code_Point, but for U+200B, which is a space.
CREATE FUNCTION text_unseen() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT '[\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200c-\u200f\u202a-\u202e'
    '\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3'
    '\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
$$;

-- A character between words, but for the space itself: punctuation, symbols, pictographs, spaces,
-- controls, enclosing marks, private characters; of them those that are their own NFKC.
CREATE FUNCTION text_between() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT '[\u0001-\u001f\u0021-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u02c2-\u02c5'
    '\u02d2-\u02eb\u02ed\u02ef-\u02ff\u0375\u03f6\u0482\u0488-\u0489\u055a-\u055f\u0589-\u058f\u05be'
    '\u05c0\u05c3\u05c6\u05f3-\u060f\u061b-\u061f\u066a-\u066d\u06d4\u06dd-\u06de\u06e9\u06fd-\u06fe'
    '\u0700-\u070f\u07f6-\u07f9\u07fe-\u07ff\u0830-\u083e\u085e\u0888\u0890-\u0891\u08e2\u0964-\u0965'
    '\u0970\u09f2-\u09f3\u09fa-\u09fb\u09fd\u0a76\u0af0-\u0af1\u0b70\u0bf3-\u0bfa\u0c77\u0c7f\u0c84'
    '\u0d4f\u0d79\u0df4\u0e3f\u0e4f\u0e5a-\u0e5b\u0f01-\u0f17\u0f1a-\u0f1f\u0f34\u0f36\u0f38'
    '\u0f3a-\u0f3d\u0f85\u0fbe-\u0fc5\u0fc7-\u0fda\u104a-\u104f\u109e-\u109f\u10fb\u1360-\u1368'
    '\u1390-\u1399\u1400\u166d-\u166e\u1680\u169b-\u169c\u16eb-\u16ed\u1735-\u1736\u17d4-\u17d6'
    '\u17d8-\u17db\u1800-\u180a\u1940-\u1945\u19de-\u19ff\u1a1e-\u1a1f\u1aa0-\u1aa6\u1aa8-\u1aad'
    '\u1abe\u1b5a-\u1b6a\u1b74-\u1b7e\u1bfc-\u1bff\u1c3b-\u1c3f\u1c7e-\u1c7f\u1cc0-\u1cc7\u1cd3'
    '\u200b-\u20c0\u20dd-\u20e0\u20e2-\u20e4\u2104-\u212e\u213a-\u214d\u214f\u218a-\u244a'
    '\u2500-\u2775\u2794-\u2bff\u2ce5-\u2cea\u2cf9-\u2cfc\u2cfe-\u2cff\u2d70\u2e00-\u2e2e'
    '\u2e30-\u3004\u3008-\u3020\u3030\u3037\u303d-\u303f\u30a0\u30fb\u3190-\u3191\u31c0-\u31e3\u327f'
    '\u4dc0-\u4dff\ua490-\ua4c6\ua4fe-\ua4ff\ua60d-\ua60f\ua670-\ua673\ua67e\ua6f2-\ua716'
    '\ua720-\ua721\ua789-\ua78a\ua828-\ua82b\ua836-\ua839\ua874-\ua877\ua8ce-\ua8cf\ua8f8-\ua8fa'
    '\ua8fc\ua92e-\ua92f\ua95f\ua9c1-\ua9cd\ua9de-\ua9df\uaa5c-\uaa5f\uaa77-\uaa79\uaade-\uaadf'
    '\uaaf0-\uaaf1\uab5b\uab6a-\uab6b\uabeb\ue000-\uf8ff\ufbb2-\ufdff\ufe45-\ufe46\ufff9-\ufffd'
    '\U00010100-\U00010102\U00010137-\U0001013f\U00010179-\U00010189\U0001018c-\U000101fc\U0001039f'
    '\U000103d0\U0001056f\U00010857\U00010877-\U00010878\U0001091f\U0001093f\U00010a50-\U00010a58'
    '\U00010a7f\U00010ac8\U00010af0-\U00010af6\U00010b39-\U00010b3f\U00010b99-\U00010b9c\U00010ead'
    '\U00010f55-\U00010f59\U00010f86-\U00010f89\U00011047-\U0001104d\U000110bb-\U000110c1\U000110cd'
    '\U00011140-\U00011143\U00011174-\U00011175\U000111c5-\U000111c8\U000111cd\U000111db'
    '\U000111dd-\U000111df\U00011238-\U0001123d\U000112a9\U0001144b-\U0001144f\U0001145a-\U0001145d'
    '\U000114c6\U000115c1-\U000115d7\U00011641-\U00011643\U00011660-\U0001166c\U000116b9'
    '\U0001173c-\U0001173f\U0001183b\U00011944-\U00011946\U000119e2\U00011a3f-\U00011a46'
    '\U00011a9a-\U00011a9c\U00011a9e-\U00011aa2\U00011b00-\U00011b09\U00011c41-\U00011c45'
    '\U00011c70-\U00011c71\U00011ef7-\U00011ef8\U00011f43-\U00011f4f\U00011fd5-\U00011fff'
    '\U00012470-\U00012474\U00012ff1-\U00012ff2\U00013430-\U0001343f\U00016a6e-\U00016a6f\U00016af5'
    '\U00016b37-\U00016b3f\U00016b44-\U00016b45\U00016e97-\U00016e9a\U00016fe2\U0001bc9c\U0001bc9f'
    '\U0001cf50-\U0001d15d\U0001d16a-\U0001d16c\U0001d183-\U0001d184\U0001d18c-\U0001d1a9'
    '\U0001d1ae-\U0001d241\U0001d245\U0001d300-\U0001d356\U0001d800-\U0001d9ff\U0001da37-\U0001da3a'
    '\U0001da6d-\U0001da74\U0001da76-\U0001da83\U0001da85-\U0001da8b\U0001e14f\U0001e2ff'
    '\U0001e95e-\U0001e95f\U0001ecac\U0001ecb0\U0001ed2e\U0001eef0-\U0001f0ff\U0001f10d-\U0001fffd'
    '\U000f0000-\U0010fffd]'
$$;

-- A letter, mark or digit of a script that puts no space between words: Han, Kana, Bopomofo, Yi, and
-- those with Line_Break SA (Thai, Lao, Khmer, Burmese and others).
CREATE FUNCTION text_unspaced() RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT '[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0ede-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109d'
    '\u1780-\u17d3\u17d7\u17dc-\u17dd\u1950-\u19c9\u19da\u1a20-\u1a7c\u1aa7\u3005\u3007\u3021-\u3029'
    '\u3031-\u3035\u303b-\u303c\u3041-\u309e\u30a1-\u30fa\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff'
    '\u3400-\u4dbf\u4e00-\ua48c\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaadd\ufa0e-\ufa29'
    '\U00011700-\U0001172b\U0001173a-\U0001173b\U00011740-\U00011746\U00016fe3\U00016ff0-\U00016ff1'
    '\U0001aff0-\U0001b167\U00020000-\U000323af]'
$$;

-- p_text folded. ASCII, which most texts are, has a short way of its own.
CREATE FUNCTION text_fold(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  folded text := p_text;
BEGIN
  IF octet_length(p_text) = char_length(p_text) THEN
    RETURN lower(p_text COLLATE "C");
  END IF;
  IF folded IS NOT NFKC NORMALIZED THEN
    folded := normalize(folded, NFKC);
  END IF;
  -- By way of capitals, which have the full mappings. What they leave apart: ẞ has no other capital,
  -- ς is σ at the end of a word, and İ is i with a dot for whoever does not write Turkish.
  folded := lower(upper(folded COLLATE "und-x-icu") COLLATE "und-x-icu");
  folded := replace(replace(replace(folded, 'ß', 'ss'), 'ς', 'σ'), U&'i\0307', 'i');
  folded := regexp_replace(folded, text_unseen() || '+', '', 'g');
  IF folded IS NOT NFKC NORMALIZED THEN
    folded := normalize(folded, NFKC);
  END IF;
  RETURN folded;
END $$;

-- The words of p_text, with a space or several between them and at the ends. Each run of characters of
-- an unspaced script is one word.
CREATE FUNCTION text_words(p_text text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  words text := regexp_replace(text_fold(p_text), text_between() || '+', ' ', 'g');
BEGIN
  IF octet_length(words) = char_length(words) OR words !~ text_unspaced() THEN
    RETURN words;
  END IF;
  RETURN regexp_replace(words, '(' || text_unspaced() || '+)', ' \1 ', 'g');
END $$;

-- What an index holds of p_words, which text_words() made: the words, and in the place of a run of an
-- unspaced script each two neighbours in it, and its last character. Where a character stands, is what
-- begins with it.
CREATE FUNCTION text_grams(p_words text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  pairs text := '(' || text_unspaced() || '{2})';
  runs text;
BEGIN
  IF octet_length(p_words) = char_length(p_words) OR p_words !~ text_unspaced() THEN
    RETURN p_words;
  END IF;
  -- The pairs that begin at the first, third … character of a run, then those at the second, fourth ….
  runs := regexp_replace(' ' || p_words, '[^ ' || substr(text_unspaced(), 2) || '+', '', 'g');
  RETURN regexp_replace(p_words, pairs, '\1 ', 'g') || ' '
    || regexp_replace(regexp_replace(runs, ' [^ ]', ' ', 'g'), pairs, '\1 ', 'g');
END $$;

-- The beginnings that an index has of each text with the words of p_text, at most 64 characters each,
-- sorted.
CREATE FUNCTION text_beginnings(p_text text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT left(g.word, 64)), '{}')
      FROM string_to_table(text_words(p_text), ' ') run (word)
      CROSS JOIN LATERAL string_to_table(text_grams(run.word), ' ') g (word)
      -- The last character of a run is in a pair, too.
      WHERE g.word <> '' AND (char_length(g.word) > 1 OR char_length(run.word) = 1));
END $$;

-- What stands in ' ' || text_words() of a text that has words beginning with those of p_text, or, for a run
-- of an unspaced script, that run in it.
CREATE FUNCTION text_terms(p_text text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT CASE WHEN word ~ text_unspaced() THEN word ELSE ' ' || left(word, 64) END),
                    '{}')
      FROM string_to_table(text_words(p_text), ' ') word WHERE word <> '');
END $$;

-- The words of p_text with one space in between, to look for a part of in another such line; NULL of NULL.
CREATE FUNCTION text_line(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT btrim(regexp_replace(text_words(p_text), '  +', ' ', 'g'))
$$;
