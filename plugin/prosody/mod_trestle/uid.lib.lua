-- SPDX-License-Identifier: GPL-3.0-or-later
-- One id for one message (docs/bound-sessions.md, "Uids").
--
-- pre-message/* and message/* of one message share one event table, so the uid is kept there, as trestle_uid.
-- While mod_mam stores, at priority 0, it also stands in the shared table "/*/trestle/current", fields host, uid and event:
-- the storage driver takes the uid from there as the archive's id, or puts the one that it made there. Nothing may yield
-- between the two hooks, or the driver sees another message's.
--
-- Elements that only this plugin or the archive may write are removed first: <uid/> from everybody but the component, and
-- <stanza-id/> that claims to be by an account of this host, of which mod_mam 0.12 removes only the owner's in one copy.

local st = require "util.stanza";
local jid = require "util.jid";

local current = module:shared("/*/trestle/current");
local xmlns, xmlns_sid = "urn:trestle:bind:0", "urn:xmpp:sid:0";
local host = module.host;

local uid = {};

-- The id in small letters if it is a UUID, otherwise nil.
function uid.parse(text)
	if type(text) == "string" and #text == 36
	and text:match("^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$") then
		return text:lower();
	end
end

local function tag_is_foreign(tag, is_archived)
	if tag.name == "uid" then
		return tag.attr.xmlns == xmlns;
	end
	if not is_archived or tag.name ~= "stanza-id" or tag.attr.xmlns ~= xmlns_sid then
		return false;
	end
	local by = jid.prep(tag.attr.by);
	return by ~= nil and jid.host(by) == host;
end

-- The stanza without <uid/> and, if it is going to be archived, without any <stanza-id/> by an account of this host: both
-- ends may have one row, so that what the sender's copy keeps is read by the receiver, too. The same table if it has
-- none. Others may hold the old one.
local function stanza_cleaned(stanza, is_archived)
	for _, tag in ipairs(stanza.tags) do
		if tag_is_foreign(tag, is_archived) then
			return st.clone(stanza):maptags(function (each)
				if not tag_is_foreign(each, is_archived) then return each; end
			end);
		end
	end
	return stanza;
end

local function current_set(event)
	current.host, current.uid, current.event = host, event.trestle_uid, event;
end

-- The driver may have made a uid; the second holder's row and the component get the same.
local function current_clear(event)
	if current.event == event then
		event.trestle_uid = current.uid;
	end
	current.host, current.uid, current.event = nil, nil, nil;
end

-- taken(session): the uid that the bridge gave to the message which this session sends just now, once.
function uid.hook_host(is_component, taken)
	local function message_sent(event)
		local origin = event.origin;
		event.stanza = stanza_cleaned(event.stanza, true);
		event.trestle_uid = taken(origin);
		current_set(event);
	end

	local function message_received(event)
		local stanza, origin = event.stanza, event.origin;
		if is_component(origin) then
			local given = stanza:get_child("uid", xmlns);
			event.trestle_uid = given and uid.parse(given.attr.id);
		end
		event.stanza = stanza_cleaned(stanza, true);
		current_set(event);
	end

	for _, kind in ipairs { "bare", "full" } do
		module:hook("pre-message/"..kind, message_sent, 0.1);
		module:hook("message/"..kind, message_received, 0.1);
		module:hook("pre-message/"..kind, current_clear, -0.1);
		module:hook("message/"..kind, current_clear, -0.1);
	end
end

-- What goes to the component's users carries the uid of the sender's archive, and never one that somebody else wrote.
function uid.hook_component(context)
	local function message_leaves(event)
		event.stanza = stanza_cleaned(event.stanza);
		if event.trestle_uid then
			event.stanza = st.clone(event.stanza):tag("uid", { xmlns = xmlns, id = event.trestle_uid }):up();
		end
	end
	for _, kind in ipairs { "bare", "full", "host" } do
		context:hook("message/"..kind, message_leaves, 10);
	end
end

return uid;
