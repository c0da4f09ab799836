// SPDX-License-Identifier: GPL-3.0-or-later
// What happens when nobody sees the page, or when there is none.
import assert from "node:assert/strict";
import test from "node:test";
import { sendQueued } from "../client/background";
import { Problem } from "../client/problem";
import { MemoryStore, type Queued } from "../client/store";
import type { TabNews } from "../client/tabs";
import { WebSocketClient } from "../client/WebSocketClient";
import { FakeClock, FakeSocket, message } from "./support";

function queued(order: number, conversation = "talk", failed: string | null = null): Queued {
  const client_id = `c${order}`;
  return {
    client_id,
    conversation_id: conversation,
    message: { content: client_id },
    created_at: 1,
    order,
    failed,
  };
}

async function kept(...items: Queued[]) {
  const store = new MemoryStore();
  for (const item of items) await store.put(item);
  const sent: string[] = [];
  const answers: Record<string, Problem> = {};
  const rest = {
    send: async (_conversation: string, what: { client_id: string }) => {
      sent.push(what.client_id);
      if (answers[what.client_id]) throw answers[what.client_id];
      return message(1);
    },
  };
  const news: TabNews[] = [];
  const run = () => sendQueued(rest as never, store, (one) => news.push(one));
  const left = async () => (await store.queued()).map(({ client_id }) => client_id);
  return { store, sent, answers, news, run, left };
}

test("without a page what waits is sent in order, and the pages are told", async () => {
  const { sent, news, run, left } = await kept(queued(3, "other"), queued(1), queued(2));
  await run();
  assert.deepEqual(sent, ["c1", "c2", "c3"]);
  assert.deepEqual(await left(), []);
  assert.deepEqual(
    news.map(({ kind }) => kind),
    ["sent", "sent", "sent"],
  );
});

test("what is refused for good stays, and holds back its own conversation alone", async () => {
  const { sent, news, answers, run, left, store } = await kept(queued(1), queued(2), queued(3, "other"));
  answers.c1 = new Problem("forbidden", 403);
  await run();
  assert.deepEqual(sent, ["c1", "c3"]);
  assert.deepEqual(await left(), ["c1", "c2"]);
  assert.equal((await store.queued())[0]!.failed, "forbidden");
  assert.deepEqual(news[0], { kind: "failed", client_id: "c1", code: "forbidden" });
  await run();
  assert.deepEqual(sent, ["c1", "c3"], "nobody has asked for another try");
});

test("where trying again may help, nothing is lost and the browser is told", async () => {
  for (const problem of [
    new Problem("unreachable", 0),
    new Problem("rate_limited", 429),
    new Problem("unauthorized", 401),
  ]) {
    const { answers, run, left, store } = await kept(queued(1), queued(2));
    answers.c2 = problem;
    await assert.rejects(run, problem);
    assert.deepEqual(await left(), ["c2"]);
    assert.equal((await store.queued())[0]!.failed, null);
  }
});

test("a page that nobody sees asks rarely whether its socket lives, and at once when somebody looks", async () => {
  const clock = new FakeClock();
  const socket = new FakeSocket("x");
  const client = new WebSocketClient("ws://x/ws", null, clock, () => socket as unknown as WebSocket);
  const pings = () => socket.sent.filter(({ type }) => type === "ping").length;
  const pass = async (seconds: number) => {
    for (let i = 0; i < seconds; i++) {
      await clock.pass(1000);
      socket.say("pong", {});
    }
  };
  client.connect();
  socket.hello();
  await pass(61);
  assert.equal(pings(), 2);
  client.setBackground(true);
  client.setBackground(true);
  await pass(299);
  assert.equal(pings(), 2);
  await pass(2);
  assert.equal(pings(), 3);
  client.setBackground(false);
  client.check();
  assert.equal(pings(), 4);
  await pass(31);
  assert.equal(pings(), 5);
});

test("a page that nobody sees comes back more rarely, and at once when somebody looks", async () => {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const client = new WebSocketClient("ws://x/ws", null, clock, () => {
    sockets.push(new FakeSocket("x"));
    return sockets.at(-1) as unknown as WebSocket;
  });
  client.setBackground(true);
  client.connect();
  for (const wait of [1, 2, 4]) {
    sockets.at(-1)!.break();
    await clock.pass(wait * 1000);
  }
  assert.equal(sockets.length, 4, "the first tries as ever");
  sockets[3]!.break();
  await clock.pass(31_999);
  assert.equal(sockets.length, 4);
  await clock.pass(1);
  assert.equal(sockets.length, 5);
  sockets[4]!.break();
  client.setBackground(false);
  client.check();
  assert.equal(sockets.length, 6);
});
