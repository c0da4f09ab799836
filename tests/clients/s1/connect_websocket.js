/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection of an application that signs in by cookie and speaks flat frames. A browser would
 * add cookie and origin by itself. */
'use strict';
const WebSocket = require('ws');

function connectWebSocket(page, onMessage, onOpen) {
    const ws = new WebSocket(page.url, { headers: { Cookie: page.cookie }, origin: page.origin });
    ws.onopen = () => onOpen(ws);
    ws.onmessage = (event) => onMessage(JSON.parse(event.data));
    ws.onclose = () => setTimeout(() => connectWebSocket(page, onMessage, onOpen), page.delay);
    ws.onerror = () => {};
    return ws;
}

module.exports = { connectWebSocket, OPEN: WebSocket.OPEN };
