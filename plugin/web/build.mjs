// SPDX-License-Identifier: GPL-3.0-or-later
// Builds the client: node build.mjs [--test] [--types] [--out FOLDER]
//
// dist/ gets index.html, the scripts and styles below assets/ under names that change with their content, and each
// of them compressed beside it, as [http] web_root serves them. The first screen must stay below FIRST_SCREEN_MAX.
// --types: only the types of the API, from docs/openapi.json and docs/asyncapi.json.
// --test: bundles the tests and runs them by Node's own runner.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import openapiTypescript, { astToString } from "openapi-typescript";

const FIRST_SCREEN_MAX = 200 * 1024; // bytes, gzipped: HTML, scripts and styles that the list needs
const here = dirname(fileURLToPath(import.meta.url));
const docs = join(here, "../../docs");

// The schemas of frames refer to each other as those of REST do, so the same generator reads them.
async function generateTypes() {
  const rest = JSON.parse(readFileSync(join(docs, "openapi.json"), "utf8"));
  const frames = JSON.parse(readFileSync(join(docs, "asyncapi.json"), "utf8"));
  const schemas = { ...frames.components.schemas };
  for (const [name, message] of Object.entries(frames.components.messages)) {
    if (message.payload) schemas[`frame.${name}`] = message.payload;
  }
  const asRest = {
    openapi: "3.1.0",
    info: { title: "Frames", version: "1" },
    paths: {},
    components: { schemas },
  };
  mkdirSync(join(here, "client/generated"), { recursive: true });
  for (const [file, document] of [
    ["openapi.d.ts", rest],
    ["frames.d.ts", asRest],
  ]) {
    const ast = await openapiTypescript(document, { silent: true });
    writeFileSync(join(here, "client/generated", file), astToString(ast));
  }
}

function compress(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) compress(file);
    else if (/\.(js|css|html|json|webmanifest|svg|txt)$/.test(entry.name)) {
      const bytes = readFileSync(file);
      writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
      writeFileSync(
        `${file}.br`,
        brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
      );
    }
  }
}

// What the entry imports without waiting for it, itself included.
function firstScreen(outputs, entry) {
  const found = new Set();
  const add = (file) => {
    if (found.has(file)) return;
    found.add(file);
    for (const part of outputs[file].imports) if (part.kind === "import-statement") add(part.path);
  };
  add(entry);
  return [...found];
}

function sizeOf(files) {
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(file), { level: 9 }).length, 0);
}

async function build(out) {
  rmSync(out, { recursive: true, force: true });
  const result = await esbuild.build({
    entryPoints: [join(here, "app/main.tsx"), join(here, "app/theme.css")],
    outdir: join(out, "assets"),
    absWorkingDir: here,
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["es2022", "safari16"],
    minify: true,
    sourcemap: false,
    metafile: true,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    jsx: "automatic",
    legalComments: "linked",
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".mp3": "file" },
  });
  const outputs = result.metafile.outputs;
  const named = (source) => Object.keys(outputs).find((file) => outputs[file].entryPoint === source);
  const script = named("app/main.tsx");
  const style = named("app/theme.css");
  const first = firstScreen(outputs, script).map((file) => join(here, file));
  const asset = (file) => `/assets/${basename(file)}`;
  const preload = first
    .slice(1)
    .map((file) => `<link rel="modulepreload" href="${asset(file)}">`)
    .join("\n");
  const page = readFileSync(join(here, "app/index.html"), "utf8").replace(
    "<!-- head -->",
    `<link rel="stylesheet" href="${asset(style)}">\n${preload}\n<script type="module" src="${asset(script)}"></script>`,
  );
  writeFileSync(join(out, "index.html"), page);
  cpSync(join(here, "app/public"), out, { recursive: true });
  await esbuild.build({
    entryPoints: [join(here, "worker/sw.ts")],
    outfile: join(out, "sw.js"),
    bundle: true,
    minify: true,
    define: { BUILD: JSON.stringify(basename(script)) },
  });
  const size = sizeOf([...first, join(here, style), join(out, "index.html")]);
  compress(out);
  console.log(
    `${relative(here, out)}: first screen ${(size / 1024).toFixed(1)} KiB gzipped, ${Object.keys(outputs).length} files`,
  );
  if (size > FIRST_SCREEN_MAX)
    throw new Error(`the first screen must stay below ${FIRST_SCREEN_MAX / 1024} KiB`);
}

async function test() {
  const out = join(here, "node_modules/.tests");
  rmSync(out, { recursive: true, force: true });
  const files = readdirSync(join(here, "tests")).filter((name) => name.endsWith(".test.ts"));
  await esbuild.build({
    entryPoints: files.map((name) => join(here, "tests", name)),
    outdir: out,
    bundle: true,
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    packages: "external",
  });
  const run = spawnSync(
    process.execPath,
    ["--test", "--test-reporter=tap", ...files.map((name) => join(out, name.replace(/\.ts$/, ".mjs")))],
    { stdio: "inherit" },
  );
  process.exitCode = run.status ?? 1;
}

const words = process.argv.slice(2);
await generateTypes();
if (words.includes("--test")) await test();
else if (!words.includes("--types"))
  await build(words.includes("--out") ? words[words.indexOf("--out") + 1] : join(here, "dist"));
