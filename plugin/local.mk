# SPDX-License-Identifier: GPL-3.0-or-later
# What is loaded into XMPP servers. Lua goes as it is; ejabberd's modules are compiled for the release that is here.
prosody_trestledir = $(pkgdatadir)/prosody/mod_trestle
dist_prosody_trestle_DATA = plugin/prosody/mod_trestle/mod_trestle.lua plugin/prosody/mod_trestle/session.lib.lua \
  plugin/prosody/mod_trestle/uid.lib.lua
# What the module says of itself in hello; doctor compares it with its own.
nodist_prosody_trestle_DATA = plugin/prosody/mod_trestle/version.lib.lua
CLEANFILES += $(nodist_prosody_trestle_DATA)
plugin/prosody/mod_trestle/version.lib.lua: Makefile
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_GEN)echo 'return "$(PACKAGE_VERSION)";' > $@

prosody_storagedir = $(pkgdatadir)/prosody/mod_storage_trestle
dist_prosody_storage_DATA = plugin/prosody/mod_storage_trestle/mod_storage_trestle.lua \
  plugin/prosody/mod_storage_trestle/pgsql.lib.lua plugin/prosody/mod_storage_trestle/scram.lib.lua \
  plugin/prosody/mod_storage_trestle/spool.lib.lua
EXTRA_DIST += plugin/README.md plugin/profanity/README.md plugin/prosody/.luacheckrc

ejabberd_sources = plugin/ejabberd/mod_trestle.erl plugin/ejabberd/mod_trestle_session.erl \
  plugin/ejabberd/mod_trestle_uid.erl plugin/ejabberd/mod_mam_trestle.erl \
  plugin/ejabberd/mod_mam_trestle_spool.erl plugin/ejabberd/mod_mam_trestle_worker.erl
EXTRA_DIST += $(ejabberd_sources)

if ENABLE_EJABBERD
ejabberd_beams = $(ejabberd_sources:.erl=.beam)
ejabberddir = $(pkglibdir)/ejabberd
nodist_ejabberd_DATA = $(ejabberd_beams)
CLEANFILES += $(ejabberd_beams)
SUFFIXES = .erl .beam

.erl.beam:
	$(AM_V_at)$(MKDIR_P) $(@D)
	$(AM_V_GEN)ERL_LIBS=$(EJABBERD_LIBS) $(ERLC) -Werror -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"' +debug_info -o $(@D) $<
endif

EXTRA_DIST += scripts/web plugin/web/.npmrc plugin/web/README.md plugin/web/app plugin/web/biome.json plugin/web/build.mjs plugin/web/client plugin/web/i18n \
  plugin/web/package-lock.json plugin/web/package.json plugin/web/tests plugin/web/tsconfig.json plugin/web/worker \
  plugin/web/tauri/Cargo.lock plugin/web/tauri/Cargo.toml plugin/web/tauri/README.md plugin/web/tauri/build.rs plugin/web/tauri/icons plugin/web/tauri/rustfmt.toml \
  plugin/web/tauri/src plugin/web/tauri/tauri.conf.json plugin/web/tauri/ui

# The web client. `make web` builds it, and so does `make install`, which puts it where [http] web_root can name it; where
# npm's registry cannot be reached it is left out, and scripts/web has said so.
.PHONY: web
web:
	$(srcdir)/scripts/web --out $(abs_builddir)/plugin/web/dist

if ENABLE_WEB
# Sources that are younger than what was built of them.
web_is_younger = `find $(srcdir)/plugin/web $(srcdir)/docs/openapi.json $(srcdir)/docs/asyncapi.json \( -name node_modules -o -name dist -o -name tauri -o -name .building \) \
  -prune -o -type f -newer plugin/web/dist/index.html -print`
install-data-hook: install-web
install-web:
	{ test -f plugin/web/dist/index.html && test -z "$(web_is_younger)"; } || \
	  $(srcdir)/scripts/web --out $(abs_builddir)/plugin/web/dist || test $$? -eq 77
	rm -rf "$(DESTDIR)$(pkgdatadir)/web"
	test ! -f plugin/web/dist/index.html || { $(MKDIR_P) "$(DESTDIR)$(pkgdatadir)/web" && \
	  cp -R plugin/web/dist/. "$(DESTDIR)$(pkgdatadir)/web"; }
uninstall-hook: uninstall-web
uninstall-web:
	rm -rf "$(DESTDIR)$(pkgdatadir)/web"
.PHONY: install-web uninstall-web
endif

# A shared object of its own: what it uses of xep is compiled once more, to be position independent.
if ENABLE_PROFANITY
profanitydir = $(pkglibdir)/profanity
profanity_PROGRAMS = plugin/profanity/trestle.so
plugin_profanity_trestle_so_SOURCES = plugin/profanity/trestle.c plugin/profanity/mine.c plugin/profanity/mine.h \
  plugin/profanity/place.h plugin/profanity/recent.c plugin/profanity/recent.h plugin/profanity/service.c plugin/profanity/service.h \
  xep/0201_thread.c xep/0203_delay.c xep/0280_carbons.c xep/0297_forward.c xep/0308_correction.c xep/0359_ids.c xep/0422_fastening.c xep/0424_retraction.c \
  xep/0428_fallback.c xep/0444_reactions.c xep/0461_reply.c xep/0466_ephemeral.c xep/jid.c xep/precis.c xep/range.c \
  xep/stanza.c xep/stanza_read.c xep/stanza_text.c xep/stream_lexer.c xep/stream_reader.c \
  xep/time.c xep/visible.c
plugin_profanity_trestle_so_CFLAGS = $(AM_CFLAGS) -fPIC
plugin_profanity_trestle_so_LDFLAGS = -shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
plugin_profanity_trestle_so_LDADD = $(GLIB_LIBS) $(STROPHE_LIBS) $(EXPAT_LIBS) $(ICU_LIBS)
else
EXTRA_DIST += plugin/profanity/trestle.c plugin/profanity/mine.c plugin/profanity/mine.h \
  plugin/profanity/place.h plugin/profanity/recent.c plugin/profanity/recent.h plugin/profanity/service.c plugin/profanity/service.h
endif
