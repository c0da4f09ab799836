/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One open chat of such an application: what it shows, and what it does when the user types. It takes
 * every frame for its own chat, has no timer, and never says that typing has ended: that is the
 * server's to do. */
'use strict';
const { OPEN } = require('./connect_websocket');

function makeMessageArea(api, getSocket, currentUser, conversation) {
    const area = { messageList: [], isTyping: false, isOnline: null, failed: [] };

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

    /* The real message takes the place of the optimistic one. */
    const addMessage = (message) => {
        const shown = area.messageList.findIndex((m) => String(m.id).startsWith('temp-') &&
            m.content === message.content && m.sender_id === message.sender_id &&
            m.receiver_id === message.receiver_id);
        if (shown >= 0)
            area.messageList.splice(shown, 1, message);
        else
            area.messageList.push(message);
    };

    return {
        area,
        handleMessage(data) {
            if (data.type === 'private_message')
                addMessage(data.message);
            else if (data.type === 'typing_indicator')
                area.isTyping = data.is_typing;
            else if (data.type === 'user_online_status')
                area.isOnline = data.is_online;
        },
        type(isTyping) {
            sendTypingIndicator(isTyping);
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
