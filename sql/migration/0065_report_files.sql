-- SPDX-License-Identifier: GPL-3.0-or-later
-- Files of what was reported: their bytes stay until the report is closed, for moderators alone.

CREATE TABLE report_files (
  file_id uuid NOT NULL REFERENCES files ON DELETE CASCADE,
  report_id uuid NOT NULL REFERENCES reports ON DELETE CASCADE,
  PRIMARY KEY (file_id, report_id)
);
CREATE INDEX report_files_report ON report_files (report_id);
