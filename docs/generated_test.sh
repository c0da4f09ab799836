#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The manual pages, the sample configuration and the descriptions of the API in docs/ are what the
# program prints.
set -eu
docs=${srcdir:-.}/docs
status=0
./trestle --man | diff -u "$docs/trestle.8" - || status=1
./trestle --man-config | diff -u "$docs/trestle.ini.5" - || status=1
./trestle --sample-config | diff -u "$docs/trestle.ini.sample" - || status=1
./trestle --openapi | diff -u "$docs/openapi.json" - || status=1
./trestle --asyncapi | diff -u "$docs/asyncapi.json" - || status=1
[ "$status" -eq 0 ] || echo "run 'make docs-update' and commit the result" >&2
exit "$status"
