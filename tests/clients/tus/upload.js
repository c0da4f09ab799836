// SPDX-License-Identifier: GPL-3.0-or-later
// A stock tus client (npm's tus-js-client) uploads a file in parts, is cut off in the middle, and goes on:
// node upload.js API TOKEN FILE. Prints what happened as JSON.
"use strict";
const fs = require("fs");
const tus = require("tus-js-client");

const [api, token, path] = process.argv.slice(2);
const progress = [];
let cut = false;

const options = {
  endpoint: `${api}/api/uploads`,
  headers: { Authorization: `Bearer ${token}` },
  metadata: { filename: "noise.bin", filetype: "application/octet-stream" },
  chunkSize: 100000,
  uploadSize: fs.statSync(path).size,
  retryDelays: null,
  onError: (error) => { console.log(JSON.stringify({ error: String(error) })); process.exit(1); },
  onProgress: (sent, all) => progress.push(Math.floor(sent * 100 / all)),
  onChunkComplete: (size, accepted) => {
    if (cut || accepted < 200000) return;
    cut = true;
    // Aborted in the middle of what comes next, then begun anew with nothing but the address.
    setImmediate(async () => {
      await upload.abort();
      const again = new tus.Upload(fs.createReadStream(path), { ...options, uploadUrl: upload.url, endpoint: undefined, metadata: {} });
      again.options.onSuccess = () => done(again);
      again.start();
    });
  },
  onSuccess: () => done(upload),
};

function done(finished) {
  console.log(JSON.stringify({ url: finished.url, cut, progress: progress[progress.length - 1] }));
}

const upload = new tus.Upload(fs.createReadStream(path), options);
upload.start();
