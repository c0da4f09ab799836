// SPDX-License-Identifier: GPL-3.0-or-later
// What of the library the page needs; esbuild makes one script of it.
import { createClient } from "stanza";

window.createClient = createClient;
