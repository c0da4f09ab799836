# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libstaff.a
libstaff_a_SOURCES = \
  bridge/staff/admin_limit.c \
  bridge/staff/admin_retention.c \
  bridge/staff/admin_service.c \
  bridge/staff/admin_user.c \
  bridge/staff/audit.c \
  bridge/staff/audit_export.c \
  bridge/staff/message_retention.c \
  bridge/staff/moderation.c \
  bridge/staff/retention.c \
  bridge/staff/spam.c \
  bridge/staff/staff.c \
  bridge/staff/user_devices.c
EXTRA_DIST += bridge/staff/README.md
