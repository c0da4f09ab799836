// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { backoff } from "../client/clock";
import { Problem } from "../client/problem";
import type { Rest } from "../client/rest";
import { WebSocketClient } from "../client/WebSocketClient";
import { FakeClock, FakeSocket, settle } from "./support";

function connected(rest: Rest | null = null) {
  const clock = new FakeClock();
  const sockets: FakeSocket[] = [];
  const client = new WebSocketClient("ws://x/ws", rest, clock, (address) => {
    sockets.push(new FakeSocket(address));
    return sockets.at(-1) as unknown as WebSocket;
  });
  return { clock, sockets, client };
}

test("waits 1, 2, 4 … 30 seconds, spread", () => {
  const clock = new FakeClock();
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 60].map((n) => backoff(n, clock)),
    [1000, 2000, 4000, 8000, 16000, 30000, 30000],
  );
  clock.random = () => 0;
  assert.equal(backoff(0, clock), 800);
  clock.random = () => 1;
  assert.equal(Math.round(backoff(9, clock)), 36000);
});

test("signs in with a token, and is connected by hello", () => {
  const { client, sockets } = connected();
  client.connect("secret");
  assert.equal(client.state, "connecting");
  sockets[0]!.hello();
  assert.deepEqual(sockets[0]!.sent[0], { type: "auth", payload: { token: "secret" } });
  assert.equal(client.state, "connected");
  assert.equal(client.session, "s1");
});

test("comes back with longer and longer waits, and resumes where it was", async () => {
  const { client, sockets, clock } = connected();
  const seen: unknown[] = [];
  client.onMessage((frame) => seen.push(frame.payload));
  client.connect();
  sockets[0]!.hello("c-1");
  sockets[0]!.say("message.new", 1, { cursor: "c-2" });
  sockets[0]!.break();
  assert.equal(client.state, "offline");
  await clock.pass(999);
  assert.equal(sockets.length, 1);
  await clock.pass(1);
  assert.equal(sockets.length, 2);
  sockets[1]!.break();
  await clock.pass(1999);
  assert.equal(sockets.length, 2);
  await clock.pass(1);
  assert.equal(sockets[2]!.address, "ws://x/ws?cursor=c-2");
  sockets[2]!.hello("c-9");
  assert.deepEqual(sockets[2]!.sent, []);
  assert.equal(client.state, "connecting");
  sockets[2]!.say("typing", "live");
  sockets[2]!.say("message.new", 2, { cursor: "c-3" });
  sockets[2]!.say("resumed", {}, { cursor: "c-3" });
  assert.deepEqual(seen, [1, 2, "live"]);
  assert.equal(client.state, "connected");
  assert.equal(client.cursor, "c-3");
});

test("a token says in one frame who comes and what was missed", async () => {
  const { client, sockets, clock } = connected();
  client.connect("secret");
  sockets[0]!.hello("c-1");
  sockets[0]!.break();
  await clock.pass(1000);
  sockets[1]!.hello("c-1");
  assert.equal(sockets[1]!.address, "ws://x/ws");
  assert.deepEqual(sockets[1]!.sent, [{ type: "auth", payload: { token: "secret", cursor: "c-1" } }]);
  assert.equal(client.state, "connecting");
  sockets[1]!.say("resumed", { cursor: "c-1", count: 0 });
  assert.equal(client.state, "connected");
});

test("a log that does not reach back is told once", () => {
  const { client, sockets } = connected();
  let resyncs = 0;
  client.onResync = () => resyncs++;
  client.cursor = "old";
  client.connect();
  sockets[0]!.hello("c-5");
  sockets[0]!.say("resync", { cursor: "c-6" });
  assert.equal(resyncs, 1);
  assert.equal(client.cursor, "c-6");
  assert.equal(client.state, "connected");
});

test("answers find their commands; a lost connection refuses those that wait", async () => {
  const { client, sockets } = connected();
  client.connect();
  await assert.rejects(client.command("read"), (e: Problem) => e.isTemporary);
  sockets[0]!.hello();
  const good = client.command("read", { a: 1 });
  const bad = client.command("message");
  const lost = client.command("typing");
  const [first, second] = sockets[0]!.sent;
  sockets[0]!.say("error", { problem: { code: "refused", status: 403, detail: "no" } }, { id: second!.id });
  sockets[0]!.say("ack", { done: true }, { id: first!.id });
  sockets[0]!.say("ack", {}, { id: "999" });
  assert.deepEqual(await good, { done: true });
  await assert.rejects(bad, (e: Problem) => e.code === "refused" && !e.isTemporary);
  sockets[0]!.break();
  await assert.rejects(lost, (e: Problem) => e.code === "unreachable");
});

test("a command without an answer is given up after 15 seconds", async () => {
  const { client, sockets, clock } = connected();
  client.connect();
  sockets[0]!.hello();
  const command = assert.rejects(client.command("read"), Problem);
  for (let i = 0; i < 4; i++) {
    await clock.pass(4000);
    sockets[0]!.say("pong", {});
  }
  await command;
});

test("where the network went away nobody waits, and the next try comes soon", async () => {
  const { client, sockets, clock } = connected();
  client.interrupt();
  assert.equal(client.state, "offline");
  client.connect();
  client.interrupt();
  assert.equal(sockets[0]!.isClosed, false, "what is being opened goes on");
  sockets[0]!.hello();
  client.interrupt();
  assert.equal(client.state, "offline");
  assert.equal(sockets[0]!.isClosed, true);
  await clock.pass(1_000);
  sockets[1]!.hello();
  assert.equal(client.state, "connecting", "it resumes");
  sockets[1]!.say("resumed", {});
  assert.equal(client.state, "connected");
});

test("a socket that says nothing to a ping is left", async () => {
  const { client, sockets, clock } = connected();
  client.connect();
  sockets[0]!.hello();
  client.check();
  client.check();
  assert.equal(sockets[0]!.sent.filter(({ type }) => type === "ping").length, 1);
  await clock.pass(4999);
  assert.equal(client.state, "connected");
  await clock.pass(1);
  assert.equal(client.state, "offline");
  assert.ok(sockets[0]!.isClosed);
  await clock.pass(1000);
  sockets[1]!.hello();
  sockets[1]!.say("resumed", {});
  client.check();
  sockets[1]!.say("pong", {});
  await clock.pass(5000);
  assert.equal(client.state, "connected");
});

test("short waits again only after a minute of good connection", async () => {
  const { client, sockets, clock } = connected();
  client.connect();
  sockets[0]!.break();
  await clock.pass(1000);
  sockets[1]!.hello();
  sockets[1]!.break();
  await clock.pass(1999);
  assert.equal(sockets.length, 2);
  await clock.pass(1);
  sockets[2]!.hello();
  for (let i = 0; i < 7; i++) {
    await clock.pass(10_000);
    sockets[2]!.say("pong", {});
  }
  sockets[2]!.break();
  await clock.pass(1000);
  assert.equal(sockets.length, 4);
});

test("4401 signs out and does not come back; disconnect neither", async () => {
  for (const end of ["code", "disconnect"]) {
    const { client, sockets, clock } = connected();
    let out = 0;
    client.onSignedOut = () => out++;
    client.connect();
    sockets[0]!.hello();
    if (end === "code") sockets[0]!.break(4401);
    else client.disconnect();
    await clock.pass(100_000);
    assert.equal(sockets.length, 1);
    assert.equal(out, end === "code" ? 1 : 0);
    assert.equal(clock.waiting, 0);
  }
});

test("what is no JSON, or unknown, does no harm", () => {
  const { client, sockets } = connected();
  client.connect();
  sockets[0]!.hello();
  sockets[0]!.onmessage!({ data: "{" });
  sockets[0]!.say("from.the.future", { x: 1 });
  assert.equal(client.state, "connected");
});

test("polls when sockets do not get through, and stops when one does", async () => {
  const pages: { resolve: (page: unknown) => void; signal: AbortSignal }[] = [];
  const rest = {
    sync: (_since: string, _wait: number, signal: AbortSignal) =>
      new Promise((resolve) => pages.push({ resolve, signal })),
  } as unknown as Rest;
  const { client, sockets, clock } = connected(rest);
  const seen: unknown[] = [];
  client.onMessage((frame) => seen.push(frame.payload));
  client.connect();
  for (let i = 0; i < 3; i++) {
    sockets.at(-1)!.break();
    await clock.pass(31_000);
  }
  assert.equal(pages.length, 1);
  pages[0]!.resolve({ items: [{ type: "message.new", payload: 7, ts: "" }], cursor: "c-7", has_more: false });
  await settle();
  assert.deepEqual(seen, [7]);
  assert.equal(client.state, "polling");
  assert.equal(sockets.at(-1)!.address, "ws://x/ws");
  sockets.at(-1)!.hello("c-8");
  assert.deepEqual(sockets.at(-1)!.last("resume")!.payload, { cursor: "c-7" });
  assert.ok(pages[1]!.signal.aborted);
});
