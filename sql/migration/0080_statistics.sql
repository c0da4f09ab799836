-- SPDX-License-Identifier: GPL-3.0-or-later
-- What ANALYZE looks at of tables that grow with every message. It takes 300 rows for each unit of the largest target among a
-- table's columns, and sorts each column: with 100, the default, that is the price of ten thousand messages each time a table has
-- grown by a tenth. Columns by which nothing is looked for have no statistics.
ALTER TABLE messages
  ALTER id SET STATISTICS 20, ALTER conversation_id SET STATISTICS 20, ALTER seq SET STATISTICS 20,
  ALTER position SET STATISTICS 20, ALTER sender_id SET STATISTICS 20, ALTER created_at SET STATISTICS 20,
  ALTER kind SET STATISTICS 20, ALTER body SET STATISTICS 0, ALTER client_id SET STATISTICS 0,
  ALTER dedupe SET STATISTICS 0, ALTER sender_address SET STATISTICS 0, ALTER foreign_id SET STATISTICS 0,
  ALTER markable SET STATISTICS 0, ALTER stanza SET STATISTICS 0, ALTER failed_condition SET STATISTICS 0,
  ALTER failed_position SET STATISTICS 20, ALTER sender_seq SET STATISTICS 0, ALTER sent_at SET STATISTICS 0,
  ALTER metadata SET STATISTICS 0, ALTER many SET STATISTICS 20, ALTER reactions SET STATISTICS 0,
  ALTER details SET STATISTICS 0, ALTER reply_to SET STATISTICS 20, ALTER thread_id SET STATISTICS 20,
  ALTER forward_count SET STATISTICS 0, ALTER edited_at SET STATISTICS 0, ALTER deleted_at SET STATISTICS 20,
  ALTER deleted_by SET STATISTICS 0, ALTER expires_at SET STATISTICS 20;
ALTER TABLE search_blocks
  ALTER words SET STATISTICS 0, ALTER conversations SET STATISTICS 0, ALTER first_seqs SET STATISTICS 0,
  ALTER last_seqs SET STATISTICS 0;
ALTER TABLE marks
  ALTER conversation_id SET STATISTICS 20, ALTER user_id SET STATISTICS 20, ALTER kind SET STATISTICS 20,
  ALTER seq SET STATISTICS 20, ALTER at SET STATISTICS 0;
