# SPDX-License-Identifier: GPL-3.0-or-later
# SQL text lives in sql/ only; the compiler sees it as generated tables.
SQL_QUERIES = \
  sql/query/admin.sql \
  sql/query/moderation.sql \
  sql/query/archive.sql \
  sql/query/bound.sql \
  sql/query/call.sql \
  sql/query/cluster.sql \
  sql/query/contact.sql \
  sql/query/conversation.sql \
  sql/query/export.sql \
  sql/query/file.sql \
  sql/query/guest.sql \
  sql/query/fold.sql \
  sql/query/job.sql \
  sql/query/link.sql \
  sql/query/log.sql \
  sql/query/message.sql \
  sql/query/presence.sql \
  sql/query/relation.sql \
  sql/query/room.sql \
  sql/query/search.sql \
  sql/query/session.sql \
  sql/query/user.sql
SQL_MIGRATIONS = \
  sql/migration/0001_base.sql \
  sql/migration/0002_functions.sql \
  sql/migration/0003_contacts.sql \
  sql/migration/0004_direct_messaging.sql \
  sql/migration/0005_search.sql \
  sql/migration/0006_sessions.sql \
  sql/migration/0007_instances.sql \
  sql/migration/0008_profile.sql \
  sql/migration/0009_relation.sql \
  sql/migration/0010_search_blocks.sql \
  sql/migration/0011_claims.sql \
  sql/migration/0012_closed_profiles.sql \
  sql/migration/0013_access.sql \
  sql/migration/0014_who_knows_whom.sql \
  sql/migration/0015_jobs.sql \
  sql/migration/0016_idempotency.sql \
  sql/migration/0018_folding.sql \
  sql/migration/0019_log_epochs.sql \
  sql/migration/0020_many.sql \
  sql/migration/0021_staff.sql \
  sql/migration/0022_outgoing.sql \
  sql/migration/0023_views.sql \
  sql/migration/0024_calls.sql \
  sql/migration/0026_closed.sql \
  sql/migration/0027_reactions.sql \
  sql/migration/0030_call_transfer.sql \
  sql/migration/0031_content.sql \
  sql/migration/0032_groups.sql \
  sql/migration/0033_rooms.sql \
  sql/migration/0034_kept_and_planned.sql \
  sql/migration/0035_archive.sql \
  sql/migration/0036_room_admin.sql \
  sql/migration/0038_guests.sql \
  sql/migration/0039_rooms_rest.sql \
  sql/migration/0040_bound.sql \
  sql/migration/0041_one_archive.sql \
  sql/migration/0042_admin.sql \
  sql/migration/0043_files.sql \
  sql/migration/0046_links.sql \
  sql/migration/0047_translations.sql \
  sql/migration/0048_bound_rooms.sql \
  sql/migration/0050_bound_waiting.sql \
  sql/migration/0051_spam.sql \
  sql/migration/0052_deleted_users.sql \
  sql/migration/0054_fetch.sql \
  sql/migration/0055_held_files.sql \
  sql/migration/0056_lasting_sessions.sql \
  sql/migration/0057_holds.sql \
  sql/migration/0058_accounts.sql \
  sql/migration/0059_erasures.sql \
  sql/migration/0060_retention.sql \
  sql/migration/0061_analytics.sql \
  sql/migration/0063_suspended_users.sql \
  sql/migration/0064_moderation.sql \
  sql/migration/0065_report_files.sql \
  sql/migration/0066_transcriptions.sql \
  sql/migration/0067_files_made.sql \
  sql/migration/0073_polls.sql \
  sql/migration/0075_topics.sql \
  sql/migration/0076_resting.sql \
  sql/migration/0080_statistics.sql \
  sql/migration/0086_exports.sql \
  sql/migration/0087_what_users_did.sql \
  sql/migration/0088_job_takers.sql \
  sql/migration/0089_contact_names.sql \
  sql/migration/0090_both_halves.sql
SQL_TYPES = sql/type/view.sql
# Types that only functions know.
SQL_INNER_TYPES = sql/type/archive.sql sql/type/gallery.sql
SQL_FUNCTIONS = \
  sql/function/account.sql \
  sql/function/bound.sql \
  sql/function/bound_room.sql \
  sql/function/member.sql \
  sql/function/admin.sql \
  sql/function/audit.sql \
  sql/function/moderation.sql \
  sql/function/analytics.sql \
  sql/function/archive.sql \
  sql/function/membership.sql \
  sql/function/call.sql \
  sql/function/call_transfer.sql \
  sql/function/carried.sql \
  sql/function/change.sql \
  sql/function/deadline.sql \
  sql/function/contact.sql \
  sql/function/content.sql \
  sql/function/conversation.sql \
  sql/function/draft.sql \
  sql/function/edit.sql \
  sql/function/entry.sql \
  sql/function/erase.sql \
  sql/function/event.sql \
  sql/function/expiry.sql \
  sql/function/export.sql \
  sql/function/export_list.sql \
  sql/function/attachment.sql \
  sql/function/file.sql \
  sql/function/fold.sql \
  sql/function/forward.sql \
  sql/function/gallery.sql \
  sql/function/group.sql \
  sql/function/guest.sql \
  sql/function/guest_talk.sql \
  sql/function/hold.sql \
  sql/function/job.sql \
  sql/function/lease.sql \
  sql/function/link.sql \
  sql/function/location.sql \
  sql/function/log.sql \
  sql/function/mam.sql \
  sql/function/mam_import.sql \
  sql/function/mark.sql \
  sql/function/mention.sql \
  sql/function/message.sql \
  sql/function/nick.sql \
  sql/function/once.sql \
  sql/function/outbox.sql \
  sql/function/poll.sql \
  sql/function/presence.sql \
  sql/function/privacy.sql \
  sql/function/profile.sql \
  sql/function/reaction.sql \
  sql/function/reap.sql \
  sql/function/relation.sql \
  sql/function/retention.sql \
  sql/function/removal.sql \
  sql/function/request.sql \
  sql/function/resume.sql \
  sql/function/room.sql \
  sql/function/room_admin.sql \
  sql/function/room_enter.sql \
  sql/function/room_talk.sql \
  sql/function/scheduled.sql \
  sql/function/search.sql \
  sql/function/spam.sql \
  sql/function/server_key.sql \
  sql/function/session.sql \
  sql/function/sharing.sql \
  sql/function/staff.sql \
  sql/function/star.sql \
  sql/function/text.sql \
  sql/function/thread.sql \
  sql/function/topics.sql \
  sql/function/transcription.sql \
  sql/function/translation.sql \
  sql/function/unread.sql \
  sql/function/user.sql \
  sql/function/user_delete.sql
SQL_TOOLS = sql/tool/tool.sql
EXTRA_DIST += $(SQL_QUERIES) $(SQL_MIGRATIONS) $(SQL_TYPES) $(SQL_INNER_TYPES) $(SQL_FUNCTIONS) $(SQL_TOOLS) scripts/gen-sql
BUILT_SOURCES += bridge/archive/queries.def bridge/archive/columns.def bridge/archive/migrations.def bridge/archive/functions.def bridge/archive/tools.def bridge/view/types.def
CLEANFILES += bridge/archive/queries.def bridge/archive/columns.def bridge/archive/migrations.def bridge/archive/functions.def bridge/archive/tools.def bridge/view/types.def

bridge/archive/queries.def: $(SQL_QUERIES) scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/archive && cd $(srcdir) && $(PYTHON3) scripts/gen-sql queries $(SQL_QUERIES) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

bridge/archive/columns.def: $(SQL_QUERIES) scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/archive && cd $(srcdir) && $(PYTHON3) scripts/gen-sql columns $(SQL_QUERIES) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

bridge/archive/migrations.def: $(SQL_MIGRATIONS) sql/local.mk scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/archive && cd $(srcdir) && $(PYTHON3) scripts/gen-sql migrations $(SQL_MIGRATIONS) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

bridge/view/types.def: $(SQL_TYPES) scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/view && cd $(srcdir) && $(PYTHON3) scripts/gen-sql types $(SQL_TYPES) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

bridge/archive/functions.def: $(SQL_TYPES) $(SQL_INNER_TYPES) $(SQL_FUNCTIONS) sql/local.mk scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/archive && cd $(srcdir) && $(PYTHON3) scripts/gen-sql functions $(SQL_TYPES) $(SQL_INNER_TYPES) $(SQL_FUNCTIONS) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@

bridge/archive/tools.def: $(SQL_TOOLS) scripts/gen-sql
	$(AM_V_GEN)$(MKDIR_P) bridge/archive && cd $(srcdir) && $(PYTHON3) scripts/gen-sql queries $(SQL_TOOLS) > $(abs_builddir)/$@.tmp && mv $(abs_builddir)/$@.tmp $(abs_builddir)/$@
