/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arguments: REST address, WebSocket address, token, milliseconds before a reconnect. */
'use strict';
const { tell, drive } = require('../driver');
const { makeApi } = require('./api');
const { makeStore } = require('./store');
const { WebSocketClient } = require('./websocket_client');

async function main([rest, ws, token, delay]) {
    const api = makeApi(rest, token);
    const user = await api.me();
    const store = makeStore(user.id);
    const client = new WebSocketClient(ws, Number(delay));
    client.onMessage(({ type, payload }) => {
        if (type === 'message')
            store.addMessage(payload.conversation_id, payload);
        else if (type === 'typing')
            store.setTyping(payload.conversation_id, payload.user_id, payload.is_typing);
        else if (type === 'presence')
            store.setUserOnline(payload.user_id, payload.status !== 'offline');
        tell(type, payload);
    });
    drive({
        ...api,
        connect: () => client.connect(token),
        disconnect: () => client.disconnect(),
        drop: () => client.ws.terminate(), /* the network fails */
        emit: (type, payload) => client.sendMessage({ type, payload }),
        setConversations: async () => store.setConversations((await api.listConversations()).items),
        loadMessages: async (id) => (await api.getMessages(id)).items.forEach((m) => store.addMessage(id, m)),
        read: async (id) => { await api.markRead(id); store.markAsRead(id); },
        state: () => ({ ...store.state, onlineUsers: [...store.state.onlineUsers] }),
    });
    tell('ready', user);
}

main(process.argv.slice(2));
