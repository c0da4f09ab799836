// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import type { Problem } from "../client/problem";
import { Rest } from "../client/rest";
import { Upload } from "../client/Upload";
import { FakeClock } from "./support";

const MIB = 1024 * 1024;
type Seen = { method: string; path: string; offset: string | null; length: number };

/** A server that takes uploads; FAULT may answer a request in its place, or throw as a network does. */
function server(fault: (seen: Seen, count: number) => Response | undefined) {
  const requests: Seen[] = [];
  let stored = 0;
  globalThis.fetch = (async (address: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    const seen = {
      method: init.method!,
      path: address,
      offset: headers.get("Upload-Offset"),
      length: (init.body as Blob | undefined)?.size ?? 0,
    };
    requests.push(seen);
    const answer = fault(seen, requests.length);
    if (answer) return answer;
    if (seen.method === "POST") {
      return Response.json(
        { file: { id: "f1" }, upload_url: "https://x/api/uploads/u1", chunk_max: 8 * MIB },
        { status: 201 },
      );
    }
    if (seen.method === "GET") return Response.json({ id: "f1", status: "complete" });
    if (seen.method === "PATCH") stored += seen.length;
    return new Response(null, { status: 204, headers: { "Upload-Offset": String(stored) } });
  }) as typeof fetch;
  return requests;
}

const source = (size: number) =>
  Object.assign(new Blob([new Uint8Array(size)], { type: "image/png; x=1" }), { name: "a.png" });

test("a file goes in parts, and its progress is known", async () => {
  const requests = server(() => undefined);
  const upload = new Upload(new Rest(), source(2.5 * MIB), "attachment", new FakeClock());
  const progress: number[] = [];
  upload.onChange = () => progress.push(Math.round(upload.progress * 100));
  const file = await upload.start();
  assert.equal(file.id, "f1");
  assert.deepEqual(
    requests.map(({ method, offset }) => `${method} ${offset ?? ""}`.trim()),
    ["POST", "PATCH 0", `PATCH ${MIB}`, `PATCH ${2 * MIB}`, "GET"],
  );
  assert.ok(progress.includes(40) && progress.at(-1) === 100);
  assert.equal(upload.state, "complete");
});

test("after a cut it goes on where the server says", async () => {
  const clock = new FakeClock();
  const requests = server((_, count) => {
    if (count === 3) throw new TypeError("network");
    return undefined;
  });
  const upload = new Upload(new Rest(), source(2 * MIB), "attachment", clock);
  const done = upload.start();
  for (let i = 0; i < 50 && upload.state !== "complete"; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await clock.pass(1000);
  }
  await done;
  assert.deepEqual(
    requests.map(({ method }) => method),
    ["POST", "PATCH", "PATCH", "HEAD", "PATCH", "GET"],
  );
});

test("what is refused for good fails at once, and can be tried again", async () => {
  let refuse = true;
  server(({ method }) =>
    refuse && method === "POST"
      ? Response.json({ code: "quota", detail: "full" }, { status: 507 })
      : undefined,
  );
  const upload = new Upload(new Rest(), source(10), "attachment", new FakeClock());
  await assert.rejects(upload.start(), (problem: Problem) => problem.code === "quota");
  assert.equal(upload.state, "failed");
  refuse = false;
  assert.equal((await upload.start()).id, "f1");
});

test("giving up tells the server", async () => {
  const requests = server(({ method }) => {
    if (method === "PATCH") upload.cancel();
    return undefined;
  });
  const upload = new Upload(new Rest(), source(10), "attachment", new FakeClock());
  await upload.start().catch(() => {});
  assert.equal(upload.state, "cancelled");
  assert.ok(requests.some(({ method }) => method === "DELETE"));
});
