# SPDX-License-Identifier: GPL-3.0-or-later
# The manual pages, the sample and the descriptions of the API are what the program prints;
# `make docs-update` writes them anew after one of the tables they come from changed, and `make check` fails when they differ.
dist_man_MANS = docs/trestle.8 docs/trestle.ini.5
dist_doc_DATA = CHANGELOG.md README.md docs/admin.md docs/api.md docs/openapi.json docs/asyncapi.json \
  docs/architecture.md docs/alerts.yml docs/grafana.json docs/bound-sessions.md docs/known-limits.md docs/namespaces.md docs/operations.md docs/servers.md docs/xeps.md
exampledir = $(docdir)/examples
dist_example_DATA = docs/trestle.ini.sample docs/trestle.service docs/trestle.logrotate
EXTRA_DIST += .clang-format .editorconfig CONTRIBUTING.md LICENSE autogen.sh docs/README.md docs/decisions \
  sql/README.md tests/unit/README.md bridge/archive/README.md bridge/core/README.md \
  bridge/http/README.md bridge/loop/README.md bridge/xmpp/README.md

.PHONY: docs-update
docs-update: trestle$(EXEEXT)
	$(AM_V_GEN)./trestle$(EXEEXT) --man > $(srcdir)/docs/trestle.8
	$(AM_V_at)./trestle$(EXEEXT) --man-config > $(srcdir)/docs/trestle.ini.5
	$(AM_V_at)./trestle$(EXEEXT) --sample-config > $(srcdir)/docs/trestle.ini.sample
	$(AM_V_at)./trestle$(EXEEXT) --openapi > $(srcdir)/docs/openapi.json
	$(AM_V_at)./trestle$(EXEEXT) --asyncapi > $(srcdir)/docs/asyncapi.json

if ENABLE_TESTS
dist_check_SCRIPTS = docs/generated_test.sh
TESTS += docs/generated_test.sh
endif
