/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands from standard input, one JSON object per line: { id, do, args }. Each is answered by
 * { id, result } or { id, error }; what happens meanwhile is told by tell(). */
'use strict';
const readline = require('readline');

function tell(event, data) {
    process.stdout.write(JSON.stringify({ event, data }) + '\n');
}

function drive(actions) {
    readline.createInterface({ input: process.stdin }).on('line', async (line) => {
        const { id, do: name, args } = JSON.parse(line);
        let answer;
        try {
            const result = await actions[name](...args);
            answer = { id, result: result === undefined ? null : result };
        } catch (error) {
            answer = { id, error: String(error.message || error), status: error.status || null };
        }
        process.stdout.write(JSON.stringify(answer) + '\n');
    }).on('close', () => process.exit(0));
}

/* What both kinds of application have: fetch with JSON, and an error that knows its status. */
async function call(base, headers, method, path, body) {
    const reply = await fetch(base + path, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    const json = text ? JSON.parse(text) : null;
    if (!reply.ok) {
        const error = new Error(json && json.code ? json.code : `HTTP ${reply.status}`);
        error.status = reply.status;
        throw error;
    }
    return { json, reply };
}

module.exports = { tell, drive, call };
