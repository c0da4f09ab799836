# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libtool.a
libtool_a_SOURCES = \
  bridge/tool/admin_shell.c bridge/tool/admin_shell.h \
  bridge/tool/admin_sql.c bridge/tool/admin_sql.h \
  bridge/tool/backup_check.c bridge/tool/backup_check.h \
  bridge/tool/backup_files.c bridge/tool/backup_files.h \
  bridge/tool/cli.c bridge/tool/cli.h \
  bridge/tool/cli_print.c bridge/tool/cli_print.h \
  bridge/tool/doctor.c bridge/tool/doctor.h \
  bridge/tool/doctor_bound.c bridge/tool/doctor_cluster.c \
  bridge/tool/doctor_ice.c \
  bridge/tool/doctor_link.c \
  bridge/tool/doctor_net.c \
  bridge/tool/doctor_part.h \
  bridge/tool/doctor_replica.c \
  bridge/tool/import_mam.c bridge/tool/import_mam.h \
  bridge/tool/migrate.c bridge/tool/migrate.h \
  bridge/tool/token.c bridge/tool/token.h
EXTRA_DIST += bridge/tool/README.md
