# SPDX-License-Identifier: GPL-3.0-or-later
bin_PROGRAMS += trestle
trestle_SOURCES = bridge/main.c
