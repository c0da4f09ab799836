# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of scripts/stack: one module per part, standard library only."""
