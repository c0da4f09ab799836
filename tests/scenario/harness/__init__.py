# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenario tests are made of: a stack, app users (REST, WebSocket), XMPP users, Profanity."""
