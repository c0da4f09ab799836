/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The connection of an application that speaks { type, payload }. An address that ends in = is completed by the
 * token; else the first frame has it. */
'use strict';
const WebSocket = require('ws');

class WebSocketClient {
    constructor(url, delay) {
        this.url = url;
        this.delay = delay;
        this.ws = null;
        this.reconnectAttempts = 0;
        this.maxReconnectAttempts = 5;
        this.callbacks = [];
        this.wanted = false;
    }

    connect(token) {
        this.wanted = true;
        this.token = token;
        const inAddress = this.url.endsWith('=');
        this.ws = new WebSocket(inAddress ? this.url + token : this.url);
        if (!inAddress)
            this.ws.onopen = () => this.sendMessage({ type: 'auth', payload: { token } });
        this.ws.onmessage = (event) => {
            this.reconnectAttempts = 0;
            const message = JSON.parse(event.data);
            this.callbacks.forEach((callback) => callback(message));
        };
        this.ws.onclose = () => this.handleReconnect();
        this.ws.onerror = () => {};
    }

    disconnect() {
        this.wanted = false;
        this.ws.close();
    }

    sendMessage(message) {
        this.ws.send(JSON.stringify(message));
    }

    onMessage(callback) {
        this.callbacks.push(callback);
    }

    handleReconnect() {
        if (!this.wanted || this.reconnectAttempts >= this.maxReconnectAttempts)
            return;
        this.reconnectAttempts++;
        setTimeout(() => this.connect(this.token), this.delay * this.reconnectAttempts);
    }
}

module.exports = { WebSocketClient };
