# SPDX-License-Identifier: GPL-3.0-or-later
# One program per unit; `make check` runs them all.
if ENABLE_TESTS
endif
