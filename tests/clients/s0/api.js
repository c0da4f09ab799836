/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The REST calls of such an application. */
'use strict';
const { call } = require('../driver');

function makeApi(base, token) {
    const headers = { Authorization: `Bearer ${token}` };
    const json = async (method, path, body) => (await call(base, headers, method, path, body)).json;
    return {
        me: () => json('GET', '/api/users/me'),
        listConversations: () => json('GET', '/api/conversations'),
        listArray: async (path) =>
            (await call(base, { ...headers, Accept: 'application/json; profile=array' }, 'GET', path)).json,
        openConversation: (userId) => json('POST', '/api/conversations', { participant_id: userId }),
        openConversationByJid: (jid) => json('POST', '/api/conversations', { jid }),
        deleteConversation: (id) => json('DELETE', `/api/conversations/${id}`),
        getMessages: (id) => json('GET', `/api/conversations/${id}/messages`),
        sendMessage: (id, content) => json('POST', `/api/conversations/${id}/messages`, { content, message_type: 'text' }),
        markRead: (id) => json('PUT', `/api/conversations/${id}/read`),
        searchUsers: (q) => json('GET', `/api/users/search?q=${encodeURIComponent(q)}`),
        blockUser: (id) => json('POST', `/api/users/${id}/block`),
        unblockUser: (id) => json('DELETE', `/api/users/${id}/block`),
        listBlocked: () => json('GET', '/api/users/blocked'),
    };
}

module.exports = { makeApi };
