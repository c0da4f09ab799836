#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes ./configure from configure.ac; needs autoconf, automake and pkg-config.
set -eu
cd "$(dirname "$0")"
mkdir -p m4 build-aux
exec autoreconf --install --warnings=all,no-portability
