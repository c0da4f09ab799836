#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# docs/xeps.md and trestle.doap are what the registry says; `make xeps` writes them.
set -eu
xep/dump_xeps | diff -u "$srcdir/docs/xeps.md" -
xep/dump_xeps --doap | diff -u "$srcdir/trestle.doap" -
