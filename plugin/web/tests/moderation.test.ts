// SPDX-License-Identifier: GPL-3.0-or-later
// The screen of the staff: files that are held back.
import assert from "node:assert/strict";
import test from "node:test";
import { QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { messenger, queries } from "../app/client";
import { HeldFiles, reasonText } from "../app/moderation/HeldFiles";
import { setLanguage } from "../i18n";

const FILE = {
  id: "f1",
  owner_id: "u1",
  owner_jid: "alice@example.org",
  filename: "<b>plan</b>.png",
  mime_type: "image/png",
  size: 2048,
  sha256: null,
  scan_status: "held",
  reasons: ["nudity", "classifier_unavailable"],
  created_at: "2026-01-01T00:00:00.000Z",
};

function screen(items: unknown[], has_more = false): string {
  const pages = [{ items, has_more, next: has_more ? "f1" : null }];
  queries.setQueryData(["moderation", "files"], { pages, pageParams: [undefined] });
  const page = createElement(QueryClientProvider, { client: queries }, createElement(HeldFiles));
  const text = renderToStaticMarkup(page);
  queries.clear();
  return text;
}

test("files that are held back are shown with whose they are and why, to be looked at and decided", async () => {
  await setLanguage("en");
  const text = screen([FILE]);
  for (const shown of ["alice@example.org", "image/png", "nudity, the classifier did not answer"])
    assert.ok(text.includes(shown), shown);
  assert.ok(!text.includes("<b>"), "names are text");
  assert.deepEqual(
    [...text.matchAll(/<button[^>]*>([^<]*)</g)].map(([, label]) => label),
    ["Have a look", "Release", "Remove"],
  );
  assert.ok(!text.includes("href"), "nothing is fetched before somebody asks for it");
  assert.ok(screen([FILE], true).includes("Show more"));
  assert.ok(screen([]).includes("Nothing is here"));
});

test("a reason that the page has no words for is shown as it is", () => {
  assert.equal(reasonText("weapons"), "weapons");
});

test("a look, a release and a removal are asked for by the file's id", async () => {
  const asked: unknown[] = [];
  globalThis.fetch = (async (address: string, init: RequestInit) => {
    asked.push([init.method, address, init.body ? JSON.parse(String(init.body)) : null]);
    return Response.json({ items: [], has_more: false, next: null, download_url: "https://files/x" });
  }) as typeof fetch;
  await messenger.rest.heldFiles("f 0");
  assert.equal((await messenger.rest.lookAtFile("f1")).download_url, "https://files/x");
  await messenger.rest.decideFile("f1", "release");
  await messenger.rest.decideFile("../f1", "remove");
  assert.deepEqual(asked, [
    ["GET", "/api/moderation/files?after=f+0", null],
    ["POST", "/api/moderation/files/f1/look", null],
    ["POST", "/api/moderation/files/f1/decide", { decision: "release" }],
    ["POST", "/api/moderation/files/..%2Ff1/decide", { decision: "remove" }],
  ]);
});
