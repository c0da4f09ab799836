-- SPDX-License-Identifier: GPL-3.0-or-later
-- Bound sessions: client sessions of local accounts whose other end is the component (docs/bound-sessions.md).
--
-- A record is our side of one: user, resource, jid, link (the component's session that bound it), session (what Prosody
-- sees), runner, waiting (stanzas injected and not yet processed), uid (of the message processed now), ended (why, or nil).
-- Prosody empties a session that is destroyed, so nothing of ours is kept in it.

local st = require "util.stanza";
local async = require "util.async";
local sessionlib = require "util.session";
local sessionmanager = require "core.sessionmanager";
local initialize_filters = require "util.filters".initialize;

local xmlns = "urn:trestle:bind:0";
local host = module.host;
local stanzas = { message = true; presence = true; iq = true };
local waiting_max = 1000; -- for each session: a query of the archive may take a while, and stanzas come meanwhile

local records = {};    -- full JID → record
local by_session = {}; -- Prosody's session → record
local count = 0;
local lost = setmetatable({}, { __mode = "k" }); -- links that have gone

local bound = { records = records };

function bound.count() return count; end

-- ---- To the bridge

-- Sends a whole stanza on this link; false if it has gone.
function bound.send(link, stanza)
	if lost[link] or not link.send then return false; end
	link.send(stanza);
	return true;
end

local function link_send(link, child)
	return bound.send(link, st.message({ from = host, to = link.host }):add_child(child));
end

local function record_tag(record, name, attributes)
	local tag = st.stanza(name, { xmlns = xmlns, user = record.user, resource = record.resource });
	for key, value in pairs(attributes or {}) do
		tag.attr[key] = value;
	end
	return tag;
end

-- False tells Prosody that nobody took the stanza: it stores a message, or answers an IQ.
local function record_deliver(record, stanza)
	if record.ended or lost[record.link] then return false; end
	if not st.is_stanza(stanza) or not stanzas[stanza.name] then return true; end -- of the stream, which we have not
	stanza = record.filter("stanzas/out", stanza);
	if not stanza then return true; end
	local copy = st.clone(stanza);
	copy.attr.xmlns = "jabber:client";
	return link_send(record.link, record_tag(record, "stanza"):add_child(copy));
end

-- ---- The end

-- Contacts see `unavailable`. reason: what `unbound` tells the bridge; nil if the bridge wanted it so.
function bound.close(record, reason)
	if record.ended then return; end
	record.ended = reason or "unbound";
	records[record.jid], by_session[record.session] = nil, nil;
	count = count - 1;
	sessionmanager.destroy_session(record.session);
	if reason then
		link_send(record.link, record_tag(record, "unbound", { reason = reason }));
	end
	module:log("info", "%s is no longer bound (%s)", record.jid, record.ended);
end

-- Ends all that fit; fits(record) true, or no function.
function bound.close_all(reason, fits)
	local found = {};
	for _, record in pairs(records) do
		if not fits or fits(record) then
			found[#found + 1] = record;
		end
	end
	for _, record in ipairs(found) do
		bound.close(record, reason);
	end
end

-- Prosody counts what a session takes as delivered: a session without its link would swallow mail.
function bound.link_lost(link)
	lost[link] = true;
	bound.close_all("shutdown", function (record) return record.link == link; end);
end

-- Prosody closes sessions with stream errors: a real client that takes the resource, an administrator.
local function close_reason(reason)
	local condition = type(reason) == "table" and reason.condition or reason;
	return condition == "conflict" and "conflict" or "kicked";
end

-- ---- From the bridge

-- Answers an <inject/>, with its id.
local function inject_refuse(record, wrapper, kind, condition, text)
	bound.send(record.link, st.error_reply(wrapper, kind, condition, text));
end

local function stanza_process(item)
	local record = item.record;
	record.waiting = record.waiting - 1;
	if item.close then
		bound.close(record);
		return item.close();
	end
	if record.ended then
		return inject_refuse(record, item.wrapper, "cancel", "item-not-found", "This session has ended");
	end
	record.uid = item.uid;
	prosody.core_process_stanza(record.session, item.stanza);
	record.uid = nil;
end

local function record_enqueue(record, item)
	item.record = record;
	record.waiting = record.waiting + 1;
	record.runner:run(item);
end

-- A stanza of the session; true, or the error's type, condition and text.
function bound.inject(record, stanza, uid, wrapper)
	if record.waiting >= waiting_max then
		return "wait", "resource-constraint", "Too many stanzas of this session wait";
	end
	record_enqueue(record, { stanza = stanza, uid = uid, wrapper = wrapper });
	return true;
end

-- Ends the session after what was injected before; then calls done.
function bound.unbind(record, done)
	record_enqueue(record, { close = done });
end

-- The uid that came with the message which this session sends just now, once.
function bound.take_uid(session)
	local record = by_session[session];
	if not record then return; end
	local uid = record.uid;
	record.uid = nil;
	return uid;
end

-- ---- The beginning

local function session_new(record)
	local session = sessionlib.new("c2s");
	sessionlib.set_id(session);
	sessionlib.set_logger(session);
	session.host = host;
	record.filter = initialize_filters(session);
	session.send = function (stanza) return record_deliver(record, stanza); end
	session.rawsend = function () return false; end
	session.close = function (_, reason) return bound.close(record, close_reason(reason)); end
	return session;
end

-- Binds a prepared resource of an account that exists. The record, or nil and the error's type, condition and text.
function bound.open(user, resource, link)
	if lost[link] then return nil, "wait", "remote-server-timeout", "The link has gone"; end
	local record = { link = link, waiting = 0 };
	local session = session_new(record);
	local ok, err = sessionmanager.make_authenticated(session, user);
	if not ok then return nil, "modify", "bad-request", err; end
	local kind, condition, text;
	ok, kind, condition, text = sessionmanager.bind_resource(session, resource);
	if not ok then return nil, kind, condition, text; end
	record.session, record.user = session, session.username;
	record.resource, record.jid = session.resource, session.full_jid;
	record.runner = async.runner(stanza_process, {
		error = function (_, problem) module:log("error", "%s: %s", record.jid, problem); end
	});
	records[record.jid], by_session[session] = record, record;
	count = count + 1;
	module:log("info", "%s is bound for %s", record.jid, link.host);
	return record;
end

return bound;
