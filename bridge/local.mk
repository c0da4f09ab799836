# SPDX-License-Identifier: GPL-3.0-or-later
bin_PROGRAMS += trestle
trestle_SOURCES = bridge/main.c \
  bridge/daemon.c bridge/daemon.h \
  bridge/notify.c bridge/notify.h \
  bridge/serve.c bridge/serve.h
trestle_LDADD = libtool.a libfeature.a libfile.a libstaff.a libpersonal.a libadhoc.a libmessage.a libmedia.a libbound.a libroom.a libcall.a libprofile.a libpresence.a libjob.a libcluster.a libdescribe.a libws.a libhttp.a libdialect.a libcore.a libaccount.a libview.a libarchive.a libxmpp.a libxep.a libloop.a \
  libbase.a $(WSLAY_LIBS) $(MHD_LIBS) $(ZLIB_LIBS) $(ARCHIVE_LIBS) $(JANSSON_LIBS) $(JWT_LIBS) $(PQ_LIBS) $(HIREDIS_LIBS) \
  $(EXPAT_LIBS) $(STROPHE_LIBS) $(ICU_LIBS) $(CRYPTO_LIBS) $(CURL_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/README.md bridge/base/README.md
