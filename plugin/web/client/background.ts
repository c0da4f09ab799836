// SPDX-License-Identifier: GPL-3.0-or-later
// What is done for pages that are closed, or that the system has frozen: messages that still wait are sent as the outbox
// would send them. Both may do it at once: each takes a conversation's messages in order, and the server takes each once.
import { Problem } from "./problem";
import type { Rest } from "./rest";
import type { Queued, Store } from "./store";
import type { TabNews } from "./tabs";

/** The name under which the browser is asked to wake the worker when there is a network. */
export const OUTBOX_SYNC = "outbox";

/** Throws a Problem where trying again later may help: what is sent until then is sent. TELL says to pages what became of
 * the messages. */
export async function sendQueued(
  rest: Pick<Rest, "send">,
  store: Pick<Store, "queued" | "put" | "remove">,
  tell: (news: TabNews) => void = () => {},
): Promise<void> {
  const stopped = new Set<string>(); // conversations whose first message was refused for good
  for (;;) {
    // Read anew each time: somebody may have discarded one, or another may have sent it.
    const queued = await store.queued();
    for (const item of queued) if (item.failed) stopped.add(item.conversation_id);
    const next = queued.find((item) => !stopped.has(item.conversation_id));
    if (!next) return;
    await sendOne(rest, store, next, tell);
  }
}

async function sendOne(
  rest: Pick<Rest, "send">,
  store: Pick<Store, "put" | "remove">,
  item: Queued,
  tell: (news: TabNews) => void,
): Promise<void> {
  const { client_id, conversation_id } = item;
  try {
    await rest.send(conversation_id, { ...item.message, client_id });
  } catch (error) {
    if (!(error instanceof Problem) || error.isTemporary || error.status === 401) throw error;
    await store.put({ ...item, failed: error.code });
    tell({ kind: "failed", client_id, code: error.code });
    return;
  }
  await store.remove(client_id);
  tell({ kind: "sent", client_id });
}
