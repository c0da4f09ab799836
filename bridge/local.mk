# SPDX-License-Identifier: GPL-3.0-or-later
bin_PROGRAMS += trestle
trestle_SOURCES = bridge/main.c \
  bridge/admin_sql.c bridge/admin_sql.h \
  bridge/cli.c bridge/cli.h \
  bridge/cli_print.c bridge/cli_print.h \
  bridge/cluster.c bridge/cluster.h \
  bridge/daemon.c bridge/daemon.h \
  bridge/doctor.c bridge/doctor.h bridge/doctor_part.h \
  bridge/doctor_cluster.c bridge/doctor_link.c bridge/doctor_net.c \
  bridge/serve.c bridge/serve.h \
  bridge/token.c bridge/token.h
trestle_LDADD = libfeature.a libdescribe.a libws.a libhttp.a libcore.a libarchive.a libxmpp.a libxep.a libloop.a \
  libbase.a $(WSLAY_LIBS) $(MHD_LIBS) $(JANSSON_LIBS) $(JWT_LIBS) $(PQ_LIBS) $(HIREDIS_LIBS) \
  $(EXPAT_LIBS) $(STROPHE_LIBS) $(ICU_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/README.md bridge/base/README.md
