// SPDX-License-Identifier: GPL-3.0-or-later
// Drives Converse in its page: what is done here is done by its own windows and buttons, what is seen is what it shows.
'use strict';

let inside;
const loaded = new Promise((done) => window.addEventListener('converse-loaded', done));

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const text = (selector, root) => root.querySelector(selector)?.innerText.trim() ?? '';

const driver = {
    async login(settings) {
        if (!window.converse?.plugins) await loaded;
        converse.plugins.add('driver', { initialize() { inside = this._converse; } });
        converse.initialize({ ...settings, whitelisted_plugins: ['driver'] });
        while (!inside) await new Promise((done) => setTimeout(done, 50));
        for (const what of ['connected', 'chatBoxesFetched', 'rosterContactsFetched']) await inside.api.waitUntil(what);
    },
    async open(jid) {
        await inside.api.chats.open(jid, {}, true);
    },
    async join(jid, nick) {
        await inside.api.rooms.open(jid, { nick }, true);
    },
    entered: (jid) => inside.state.chatboxes.get(jid)?.session?.get('connection_status') === 5,
    occupants: (jid) => inside.state.chatboxes.get(jid).occupants.map((o) => [o.get('nick'), o.get('affiliation'), o.get('role')]),
    // The window of a chat; the others are there, and hidden.
    window: (jid) => all('converse-chat, converse-muc').find((one) => one.getAttribute('jid') === jid),
    say(jid, words) {
        const area = driver.window(jid).querySelector('textarea.chat-textarea');
        area.value = words;
        area.dispatchEvent(new InputEvent('input', { bubbles: true }));
        area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 13, bubbles: true, cancelable: true }));
    },
    rows: (jid) => all('converse-chat-message', driver.window(jid)),
    messages: (jid) => driver.rows(jid).map((row) => ({
        from: text('.chat-msg__author', row), text: text('.chat-msg__text', row), quote: text('.chat-msg__reply, converse-reply-context', row),
        retracted: Boolean(row.querySelector('.chat-msg--retracted, .retraction')),
        edited: Boolean(row.querySelector('.chat-msg__edit-modal')),
        reactions: all('converse-reactions button, .chat-msg__reactions button', row).map((one) => one.innerText.trim()),
        shown: row.innerText.trim(),
    })),
    row: (jid, words) => driver.rows(jid).findLast((row) => text('.chat-msg__text', row).includes(words)),
    // Presses the button of that class among the actions of the newest message with these words.
    act(jid, words, action) {
        const button = driver.row(jid, words).querySelector(`.chat-msg__action-${action}`);
        button.click();
    },
    can: (jid, words, action) => Boolean(driver.row(jid, words)?.querySelector(`.chat-msg__action-${action}`)),
    typed: (jid) => driver.window(jid).querySelector('textarea.chat-textarea').value,
    answers: (jid) => Boolean(driver.window(jid).querySelector('.reply-preview')),
    // Picks one of the few that are offered at once.
    pick(jid, words, emoji) {
        const button = all('.reaction-item', driver.row(jid, words)).find((one) => one.innerText.trim() === emoji);
        button?.click();
        return Boolean(button);
    },
    // The window that asks whether one is sure.
    async confirm() {
        for (let tries = 0; tries < 100; tries++) {
            const yes = document.querySelector('.modal.show button[type=submit], .modal.show .btn-primary');
            if (yes) return yes.click();
            await new Promise((done) => setTimeout(done, 50));
        }
        throw new Error('nothing was asked');
    },
};
