/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The messaging store of such an application. */
'use strict';

function makeStore(me) {
    const state = {
        conversations: [],
        activeConversation: null,
        messages: {},
        unreadCounts: {},
        typingUsers: {},
        onlineUsers: new Set(),
    };
    return {
        state,
        setConversations(conversations) {
            state.conversations = conversations;
            conversations.forEach((c) => { state.unreadCounts[c.id] = c.unread_count; });
        },
        addMessage(conversationId, message) {
            const list = state.messages[conversationId] = state.messages[conversationId] || [];
            if (list.some((known) => known.id === message.id))
                return;
            list.push(message);
            if (message.sender.id !== me)
                state.unreadCounts[conversationId] = (state.unreadCounts[conversationId] || 0) + 1;
        },
        markAsRead(conversationId) {
            state.unreadCounts[conversationId] = 0;
        },
        setTyping(conversationId, userId, isTyping) {
            const others = (state.typingUsers[conversationId] || []).filter((id) => id !== userId);
            state.typingUsers[conversationId] = isTyping ? [...others, userId] : others;
        },
        setUserOnline(userId, isOnline) {
            if (isOnline)
                state.onlineUsers.add(userId);
            else
                state.onlineUsers.delete(userId);
        },
    };
}

module.exports = { makeStore };
