-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a classifier said of files, reports of files, and the audit by time.

ALTER TABLE files
  ADD scan_reasons jsonb;                   -- what the classifier said: [text]

ALTER TABLE reports DROP CONSTRAINT reports_target_type_check;
ALTER TABLE reports ADD CONSTRAINT reports_target_type_check
  CHECK (target_type IN ('message', 'user', 'conversation', 'call', 'file'));

CREATE INDEX audit_at ON audit (at);
