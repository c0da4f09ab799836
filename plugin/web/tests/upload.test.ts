// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import test from "node:test";
import { fileState } from "../client/files";
import type { Problem } from "../client/problem";
import { Rest } from "../client/rest";
import { MemoryStore } from "../client/store";
import type { File as StoredFile } from "../client/types";
import { Upload } from "../client/Upload";
import { Uploads } from "../client/Uploads";
import { FakeClock, FakeLocks } from "./support";

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

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what an earlier page has begun goes on where it was", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  let isGone = false;
  const requests = server(({ method }, count) => {
    if (isGone) throw new TypeError("network");
    if (method === "PATCH" && count === 3) isGone = true;
    return undefined;
  });
  const before = new Uploads(new Rest(), store, clock, new FakeLocks());
  before.add("talk", source(3 * MIB));
  for (let i = 0; i < 20; i++) await turn();
  const [kept] = await store.files();
  assert.deepEqual(kept!.upload, { file_id: "f1", address: "https://x/api/uploads/u1", part: MIB });
  before.end();
  isGone = false;
  requests.length = 0;
  const after = new Uploads(new Rest(), store, clock, new FakeLocks());
  await after.restore();
  const [item] = after.of("talk");
  assert.equal(item!.upload.source.name, "a.png");
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(item!.upload.state, "complete");
  assert.deepEqual(
    requests.map(({ method, offset }) => `${method} ${offset ?? ""}`.trim()),
    ["HEAD", "PATCH 2097152", "GET"],
  );
  after.clear("talk");
  await turn();
  assert.deepEqual(await store.files(), []);
});

test("an upload that the server has given up begins anew, one that had all of it is done", async () => {
  for (const status of ["uploading", "complete"]) {
    const requests = server(({ method }) => {
      if (method === "HEAD") return new Response(null, { status: 404 });
      return method === "GET" ? Response.json({ id: "f1", status }) : undefined;
    });
    const kept = { file_id: "f1", address: "/api/uploads/u1", part: MIB };
    const upload = new Upload(new Rest(), source(10), "attachment", new FakeClock(), kept);
    await upload.start();
    const methods = requests.map(({ method }) => method);
    assert.deepEqual(
      methods,
      status === "uploading" ? ["HEAD", "GET", "POST", "PATCH", "GET"] : ["HEAD", "GET", "GET"],
    );
  }
});

test("of two tabs one takes up a file", async () => {
  const store = new MemoryStore();
  const locks = new FakeLocks();
  server(() => undefined);
  const one = new Uploads(new Rest(), store, new FakeClock(), locks);
  one.add("talk", source(10));
  await turn();
  const other = new Uploads(new Rest(), store, new FakeClock(), locks);
  await other.restore();
  assert.deepEqual(other.of("talk"), []);
  one.end();
  await other.restore();
  assert.equal(other.of("talk").length, 1);
});

test("what the server says of a file that comes is shown", async () => {
  server(({ method }) => (method === "PATCH" ? undefined : undefined));
  const uploads = new Uploads(new Rest(), new MemoryStore(), new FakeClock(), new FakeLocks());
  const { upload } = uploads.add("talk", source(MIB));
  for (let i = 0; i < 3; i++) await turn();
  uploads.hear({ file_id: "f1", received: MIB / 2 });
  uploads.hear({ file_id: "another", received: 1 });
  for (let i = 0; i < 10; i++) await turn();
  assert.equal(upload.state, "complete");
  uploads.hearFile({ id: "f1", status: "error" } as StoredFile);
  assert.equal(fileState(upload.file!), "error");
});

test("how a file stands is one word", () => {
  const state = (more: object) =>
    fileState({
      status: "complete",
      scan_status: null,
      is_password_protected: false,
      download_url: null,
      ...more,
    } as StoredFile);
  assert.equal(state({ download_url: "/f/1" }), "ready");
  assert.equal(state({ is_password_protected: true }), "locked");
  assert.equal(state({ is_password_protected: true, download_url: "/f/1" }), "ready");
  assert.equal(state({ status: "processing" }), "processing");
  assert.equal(state({ status: "processing", download_url: "/f/1" }), "ready");
  assert.equal(state({ scan_status: "pending" }), "pending");
  assert.equal(state({ scan_status: "held", is_password_protected: true }), "held");
  assert.equal(state({ scan_status: "infected" }), "infected");
  for (const status of ["removed", "remote", "error"]) assert.equal(state({ status }), status);
});
