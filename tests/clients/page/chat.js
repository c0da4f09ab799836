/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A chat as a page has it: session cookie, CSRF token, ticket, WebSocket, event stream. It knows docs/api.md and
 * nothing else. What comes is kept in chat.events, which a test waits on with chat.until(). */
'use strict';

class Chat {
    constructor(api) {
        this.api = api;
        this.csrf = null;
        this.events = [];
        this.waiting = [];
    }

    async call(method, path, body, headers = {}) {
        const options = { method, credentials: 'include', headers: { ...headers } };
        if (this.csrf && method !== 'GET') options.headers['X-CSRF-Token'] = this.csrf;
        if (body instanceof Blob) {
            options.body = body;
        } else if (body !== undefined && body !== null) {
            options.headers['Content-Type'] = 'application/json';
            options.body = JSON.stringify(body);
        }
        const reply = await fetch(this.api + path, options);
        const text = await reply.text();
        return {
            status: reply.status,
            headers: Object.fromEntries(reply.headers.entries()),
            json: text ? JSON.parse(text) : null,
        };
    }

    async signIn(token) {
        const reply = await this.call('POST', '/api/session', { token });
        if (reply.status === 201) this.csrf = reply.json.csrf_token;
        return reply;
    }

    note(event) {
        this.events.push(event);
        this.waiting = this.waiting.filter((wait) => !wait());
    }

    /* The first event of TYPE, now or later, whose payload has the values of LIKE. */
    until(type, like = {}) {
        const fits = (event) => event.type === type
            && Object.entries(like).every(([name, value]) => (event.payload || {})[name] === value);
        return new Promise((resolve) => {
            const look = () => {
                const found = this.events.find(fits);
                if (found) resolve(found);
                return Boolean(found);
            };
            if (!look()) this.waiting.push(look);
        });
    }

    /* How it went: 'open', or the close code. */
    connect(address) {
        return new Promise((resolve) => {
            this.socket = new WebSocket(address, 'trestle.v1');
            this.socket.onopen = () => resolve('open');
            this.socket.onmessage = (message) => this.note(JSON.parse(message.data));
            this.socket.onclose = (close) => {
                this.note({ type: 'closed', payload: { code: close.code, reason: close.reason } });
                resolve(close.code);
            };
        });
    }

    async connectByTicket(address) {
        const { json } = await this.call('POST', '/api/session/ticket', {});
        return this.connect(`${address}?ticket=${encodeURIComponent(json.ticket)}`);
    }

    say(type, payload, id) {
        this.socket.send(JSON.stringify({ type, id, payload }));
    }

    /* 'open' or 'error'; a stream that ends comes back by itself, with Last-Event-ID. */
    follow(types) {
        return new Promise((resolve) => {
            this.stream = new EventSource(`${this.api}/api/events`, { withCredentials: true });
            this.stream.onopen = () => { this.note({ type: 'stream open' }); resolve('open'); };
            this.stream.onerror = () => resolve('error');
            for (const type of types) {
                this.stream.addEventListener(type, (event) => this.note(JSON.parse(event.data)));
            }
        });
    }

    /* A picture as a page makes one. */
    picture(side) {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = side;
        const paint = canvas.getContext('2d');
        paint.fillStyle = 'teal';
        paint.fillRect(0, 0, side, side);
        return new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
    }

    /* The width of what an <img> shows, 0 when it shows nothing. */
    show(path) {
        const image = document.getElementById('me');
        return new Promise((resolve) => {
            image.onload = () => resolve(image.naturalWidth);
            image.onerror = () => resolve(0);
            image.src = this.api + path;
        });
    }
}

window.Chat = Chat;
