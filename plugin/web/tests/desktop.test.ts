// SPDX-License-Identifier: GPL-3.0-or-later
// What must stay true of the desktop program (tauri/) without building it: its pages cannot call into it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { version } from "../package.json";

const read = (name: string) => readFileSync(`tauri/${name}`, "utf8");
const config = JSON.parse(read("tauri.conf.json"));

test("no page has a capability, and none is made by the way", () => {
  assert.deepEqual(config.app.security.capabilities, []);
  assert.equal(config.app.withGlobalTauri, false);
  assert.deepEqual(config.app.windows, []);
  assert.equal(existsSync("tauri/capabilities"), false);
  assert.equal(existsSync("tauri/permissions"), false);
  const sources = readdirSync("tauri/src").map((name) => read(`src/${name}`));
  for (const way of [
    "invoke_handler",
    "tauri::command",
    "initialization_script",
    "add_capability",
    ".plugin(",
  ])
    for (const source of sources) assert.ok(!source.includes(way), way);
});

test("the page that asks has no script, and its policy lets none in", () => {
  const policy = config.app.security.csp.split("; ");
  assert.ok(policy.includes("default-src 'none'"));
  assert.ok(policy.includes("form-action 'self'"));
  assert.ok(!policy.some((part: string) => /script-src|connect-src|unsafe|\*|https?:/.test(part)));
  for (const name of readdirSync("tauri/ui")) {
    assert.match(name, /\.(html|css|svg)$/);
    assert.doesNotMatch(read(`ui/${name}`), /<script|<style|javascript:|\son\w+=|\sstyle=/i);
  }
});

test("what it is built of is pinned, and comes from where everybody has it", () => {
  const lock = read("Cargo.lock").split("[[package]]").slice(1);
  const elsewhere = lock.filter(
    (entry) =>
      !entry.includes('name = "trestle-desktop"') &&
      !/source = "registry\+https:\/\/github\.com\/rust-lang\/crates\.io-index"\nchecksum = "[0-9a-f]{64}"/.test(
        entry,
      ),
  );
  assert.deepEqual(elsewhere, []);
  assert.match(read("Cargo.toml"), new RegExp(`^version = "${version.replaceAll(".", "\\.")}"$`, "m"));
});
