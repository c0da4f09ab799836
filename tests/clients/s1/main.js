/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arguments: REST address, WebSocket address, token (of the login), milliseconds before a reconnect. */
'use strict';
const { tell, drive } = require('../driver');
const { login } = require('./api');
const { connectWebSocket } = require('./connect_websocket');
const { makeMessageArea } = require('./message_area');

async function main([rest, ws, token, delay]) {
    const api = await login(rest, rest, token);
    const page = { url: ws, origin: rest, cookie: api.cookie, delay: Number(delay) };
    let websocket = null;
    let chat = null;
    drive({
        connect: () => {
            connectWebSocket(page, (data) => {
                if (chat)
                    chat.handleMessage(data);
                tell(data.type, data);
            }, (socket) => { websocket = socket; });
        },
        drop: () => websocket.terminate(), /* the network fails */
        open: (userId) => { chat = makeMessageArea(api, () => websocket, api.user, { id: userId }); },
        type: (isTyping) => chat.type(isTyping),
        send: (content) => chat.send(content),
        sendAtOnce: (contents) => Promise.all(contents.map((content) => chat.send(content))),
        emit: (frame) => websocket.send(JSON.stringify(frame)),
        poll: (since) => api.poll(since),
        logout: () => api.logout(),
        area: () => chat.area,
    });
    tell('ready', api.user);
}

main(process.argv.slice(2));
