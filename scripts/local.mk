# SPDX-License-Identifier: GPL-3.0-or-later
# The scripts that read the source tree and refuse what breaks its rules.
TESTS += scripts/check-docs scripts/check-fields scripts/check-house scripts/check-layers scripts/check-style scripts/check-targets
EXTRA_DIST += scripts/build scripts/bare scripts/bare_readme.py scripts/bare_package scripts/check scripts/check-docs scripts/check-fields scripts/check-house scripts/check-layers scripts/check-style scripts/check-targets scripts/demo \
  scripts/demo_conversation.py scripts/demo_bound.py scripts/demo_parts.py scripts/package scripts/packages scripts/screenshots debian scripts/stack scripts/stack_parts scripts/README.md \
  tests/README.md tests/clients tests/scenario tests/sql .ci/run
