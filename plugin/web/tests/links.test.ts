// SPDX-License-Identifier: GPL-3.0-or-later
// What is asked of links while one writes, and before they are sent.
import assert from "node:assert/strict";
import test from "node:test";
import { LinkWatcher } from "../app/composer/LinkWatcher";
import { Problem } from "../client/problem";
import type { CheckedLink } from "../client/types";
import { FakeClock, settle } from "./support";

const A = "https://a.example/";
const page = (url: string) => ({ url, title: "A page", description: null, site_name: null, image_url: null });

function watcher() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const api = {
    reasons: [] as string[],
    fails: null as Problem | null,
    checkLinks: async (urls: string[]) => {
      asked.push(`check ${urls.join(" ")}`);
      if (api.fails) throw api.fails;
      const verdict = api.reasons.includes("listed") ? "blocked" : "suspicious";
      return { items: urls.map((url) => ({ url, verdict, reasons: api.reasons }) as CheckedLink) };
    },
    previewLink: async (url: string) => {
      asked.push(`preview ${url}`);
      if (api.fails) throw api.fails;
      return page(url);
    },
  };
  return { clock, asked, api, links: new LinkWatcher(api, clock) };
}

test("a link is asked about once, when it has been written", async () => {
  const { clock, asked, links } = watcher();
  for (const text of ["https", "https://a.exa", `see ${A}`]) {
    links.look(text);
    await clock.pass(500);
  }
  await clock.pass(600);
  links.look(`see ${A} now`);
  await clock.pass(600);
  assert.deepEqual(asked, [`check ${A}`, `preview ${A}`]);
  assert.deepEqual(links.preview, page(A));
  links.look("no link any more");
  assert.equal(links.preview, null);
});

test("a preview that was put away stays away for this message", async () => {
  const { clock, links } = watcher();
  links.look(A);
  await clock.pass(600);
  links.dismiss();
  assert.equal(links.preview, null);
  links.look(`${A} and words`);
  assert.equal(links.preview, null);
  links.clear();
  links.look(A);
  assert.deepEqual(links.preview, page(A));
});

test("a server that looks at no pages is not asked again", async () => {
  const { clock, asked, api, links } = watcher();
  api.fails = new Problem("not_available", 501);
  links.look(A);
  await clock.pass(600);
  links.look("https://b.example/");
  await clock.pass(600);
  assert.equal(asked.filter((what) => what.startsWith("preview")).length, 1);
});

test("before it is sent the server's word counts, and the page's own look", async () => {
  const { api, links } = watcher();
  assert.equal(await links.settle("no link"), null);
  api.reasons = ["not_encrypted"];
  assert.equal(await links.settle("http://plain.example"), null);
  api.reasons = ["listed", "not_encrypted"];
  const listed = await links.settle("http://listed.example/x");
  assert.deepEqual(listed, { url: "http://listed.example/x", reasons: ["listed"] });
  api.reasons = [];
  const alike = await links.settle("https://xn--pple-43d.com/");
  assert.deepEqual(alike?.reasons, ["lookalike_letters"]);
});

test("without a server a message does not wait for ever", async () => {
  const { clock, api, links } = watcher();
  api.checkLinks = () => new Promise(() => {});
  let settled = false;
  const done = links.settle(A).then((found) => {
    settled = true;
    return found;
  });
  await clock.pass(1_999);
  assert.equal(settled, false);
  await clock.pass(1);
  assert.equal(await done, null);
});

test("a link that goes on while its beginning is asked about is asked about, too", async () => {
  const { clock, api, links } = watcher();
  const { checkLinks } = api;
  let answer = () => {};
  api.checkLinks = async (urls) => {
    await new Promise<void>((resolve) => {
      answer = resolve;
    });
    return checkLinks(urls);
  };
  links.look(A);
  await clock.pass(600);
  api.reasons = ["listed"];
  const url = `${A}listed`;
  const done = links.settle(url);
  answer();
  await settle();
  answer();
  assert.deepEqual(await done, { url, reasons: ["listed"] });
});
