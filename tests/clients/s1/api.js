/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The REST calls of such an application. The cookie of the session comes with the login. */
'use strict';
const { call } = require('../driver');

async function login(base, origin, token) {
    const { json, reply } = await call(base, { Origin: origin }, 'POST', '/api/session', { token });
    const cookie = reply.headers.get('set-cookie').split(';')[0];
    const headers = { Cookie: cookie, Origin: origin, 'X-CSRF-Token': json.csrf_token };
    return {
        cookie,
        user: { id: json.user.number, name: json.user.name },
        sendMessage: async (receiverId, content) =>
            (await call(base, headers, 'POST', '/api/messages', { receiver_id: receiverId, content })).json,
        logout: async () => (await call(base, headers, 'DELETE', '/api/session')).json,
        poll: async (since) =>
            (await call(base, headers, 'GET', `/api/sync?dialect=s1${since ? `&since=${since}` : ''}`)).json,
    };
}

module.exports = { login };
