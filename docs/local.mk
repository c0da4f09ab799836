# SPDX-License-Identifier: GPL-3.0-or-later
# Both files are what the program prints; `make docs-update` writes them anew after the option table
# or the commands changed, and `make check` fails when they differ.
dist_man_MANS = docs/trestle.1
exampledir = $(docdir)/examples
dist_example_DATA = docs/trestle.ini.sample

.PHONY: docs-update
docs-update: trestle$(EXEEXT)
	$(AM_V_GEN)./trestle$(EXEEXT) --man > $(srcdir)/docs/trestle.1
	$(AM_V_at)./trestle$(EXEEXT) --sample-config > $(srcdir)/docs/trestle.ini.sample

if ENABLE_TESTS
dist_check_SCRIPTS = docs/generated_test.sh
TESTS += docs/generated_test.sh
endif
