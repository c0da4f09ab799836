/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One open chat of such an application: what it shows, and what it does when the user types. */
'use strict';
const { OPEN } = require('./connect_websocket');

const TYPING_LASTS = 3000;

function makeMessageArea(api, getSocket, currentUser, conversation) {
    const area = { messageList: [], isTyping: false, isOnline: null, failed: [] };
    let typingTimer = null;
    let showTimer = null;

    const sendTypingIndicator = (isTyping) => {
        const socket = getSocket();
        if (socket && socket.readyState === OPEN) {
            socket.send(JSON.stringify({
                type: 'typing_indicator',
                user_id: currentUser.id,
                recipient_id: conversation.id,
                is_typing: isTyping,
            }));
        }
    };

    const isHere = (data) => [data.sender_id, data.recipient_id].includes(conversation.id);

    const addMessage = (message) => {
        const known = area.messageList.findIndex((m) => String(m.id).startsWith('temp-') &&
            m.content === message.content && m.sender_id === message.sender_id);
        if (known >= 0)
            area.messageList.splice(known, 1, message);
        else if (!area.messageList.some((m) => m.id === message.id))
            area.messageList.push(message);
    };

    return {
        area,
        handleMessage(data) {
            if (data.type === 'private_message' && isHere(data)) {
                addMessage(data.message);
                if (data.sender_id === conversation.id)
                    area.isTyping = false;
            } else if (data.type === 'typing_indicator' && data.user_id === conversation.id) {
                area.isTyping = data.is_typing;
                clearTimeout(showTimer);
                if (data.is_typing)
                    showTimer = setTimeout(() => { area.isTyping = false; }, TYPING_LASTS);
            } else if (data.type === 'user_online_status' && data.user_id === conversation.id) {
                area.isOnline = data.is_online;
            }
        },
        type() {
            sendTypingIndicator(true);
            clearTimeout(typingTimer);
            typingTimer = setTimeout(() => sendTypingIndicator(false), TYPING_LASTS);
        },
        async send(content) {
            const optimistic = {
                id: `temp-${Date.now()}`,
                content: content.trim(),
                sender_id: currentUser.id,
                receiver_id: conversation.id,
                created_at: new Date().toISOString(),
                is_read: false,
            };
            area.messageList.push(optimistic);
            clearTimeout(typingTimer);
            sendTypingIndicator(false);
            try {
                await api.sendMessage(conversation.id, content.trim());
            } catch (error) {
                area.messageList = area.messageList.filter((m) => m.id !== optimistic.id);
                area.failed.push(content);
                throw error;
            }
            return optimistic.id;
        },
    };
}

module.exports = { makeMessageArea };
