-- SPDX-License-Identifier: GPL-3.0-or-later
-- Lets one component be a client of this host's accounts, without their passwords: docs/bound-sessions.md is the protocol.
-- For Prosody 0.12. Options, in the VirtualHost:
--   trestle_component     the component's domain
--   trestle_users         whom it may bind: "all", a list of user names, or { group = "name" } of mod_groups; nobody if unset
--   trestle_max_sessions  how many at a time (10000)
--   trestle_stanza_limit  bytes of a stanza that it injects (c2s_stanza_size_limit, as for any client)

local st = require "util.stanza";
local async = require "util.async";
local jid = require "util.jid";
local new_id = require "util.id".medium;
local stringprep = require "util.encodings".stringprep;
local valid_utf8 = require "util.encodings".utf8.valid;
local storagemanager = require "core.storagemanager";
local usermanager = require "core.usermanager";
local user_exists = usermanager.user_exists;

local xmlns = "urn:trestle:bind:0";
local version = 1;
local depth_max = 64;
local logins_max = 64; -- passwords that wait for the accounts' store
local hosts, host = prosody.hosts, module.host;
local archives = module:shared("/*/trestle/archives"); -- of mod_storage_trestle
local component = jid.prep(module:get_option_string("trestle_component"));
local users, sessions_max, stanza_limit;

if not component or component == host then
	error("trestle_component must name the component's domain", 0);
end

local bound = module:require "session";
local uids = module:require "uid";
local plugin_version = module:require "version"; -- made by configure
local epoch = new_id();

local function options_read()
	users = module:get_option("trestle_users");
	sessions_max = module:get_option_number("trestle_max_sessions", 10000);
	stanza_limit = module:get_option_number("trestle_stanza_limit",
		module:get_option_number("c2s_stanza_size_limit", 256 * 1024));
end
options_read();

-- ---- Who may do what

-- True if the session is the component's link. No client and no server can look so.
local function is_component(origin)
	return origin.type == "component" and origin.host == component;
end

local function is_from_component(event)
	return is_component(event.origin) and event.stanza.attr.from == component;
end

local function group_has(group, user)
	local groups = hosts[host].modules.groups;
	local ok, member = pcall(groups and groups.group_contains or error, group, user.."@"..host);
	return ok and member ~= nil;
end

local function is_allowed(user)
	if users == "all" then return true; end
	if type(users) ~= "table" then return false; end
	if users.group then return group_has(users.group, user); end
	for _, name in ipairs(users) do
		if name == user or jid.prep(name) == user.."@"..host then return true; end
	end
	return false;
end

-- ---- Requests

-- What its handler says; of one that broke down, that it did.
local function request_run(request)
	local fine, class, condition, text = pcall(request.handler, request.event, request.event.stanza.tags[1]);
	if fine then return class, condition, text; end
	module:log("error", "A request failed: %s", class);
	return "wait", "internal-server-error";
end

-- Storage and accounts may be asked in here: a component's stream runs outside util.async, where nothing may wait.
local requests = async.runner(function (request)
	local event = request.event;
	local class, condition, text = request_run(request);
	if class then
		bound.send(event.origin, st.error_reply(event.stanza, class, condition, text));
	end
end, { error = function (_, problem) module:log("error", "A request failed: %s", problem); end });

-- Passwords are tried in a runner of their own: a store that is slow to say holds up no session.
local logins_waiting = 0;
local logins = async.runner(function (request)
	logins_waiting = logins_waiting - 1;
	local event = request.event;
	local class, condition = request_run(request);
	bound.send(event.origin, class and st.error_reply(event.stanza, class, condition) or st.reply(event.stanza));
end, { error = function (_, problem) module:log("error", "A password could not be tried: %s", problem); end });

-- Answers an IQ of the component by handler(event, child), which returns an error's type, condition and text, or nothing.
local function hook_request(kind, name, handler, runner)
	module:hook("iq-"..kind.."/host/"..xmlns..":"..name, function (event)
		if event.stanza.attr.to ~= host then return; end -- one of its resources
		if is_from_component(event) then
			(runner or requests):run({ event = event, handler = handler });
		else
			event.origin.send(st.error_reply(event.stanza, "auth", "forbidden"));
		end
		return true;
	end);
end

local function archive_is_ours()
	local _, driver = storagemanager.get_driver(host, module:get_option_string("archive_store", "archive"));
	return hosts[host].modules.mam and driver == "trestle";
end

-- As it may stand in XML: PostgreSQL may speak in any charset before it knows ours.
local function printable(text)
	text = text:gsub("%c", " ");
	if #text > 200 then text = text:sub(1, 200):gsub("[\194-\244][\128-\191]*$", ""); end
	return valid_utf8(text) and text or (text:gsub("[\128-\255]", "?"));
end

-- How the driver of the archive is, if it has told: what is wrong, and how many bytes wait.
local function archive_state()
	local state = archive_is_ours() and archives[host];
	if not state then return; end
	return state.problem and printable(state.problem), state.waiting > 0 and ("%d"):format(state.waiting) or nil;
end

-- Whom the rule lets in: all, some, none.
local function users_kind()
	if users == "all" then return "all"; end
	return type(users) == "table" and next(users) ~= nil and "some" or "none";
end

local function hello_tag()
	local problem, waiting = archive_state();
	local tag = st.stanza("hello", {
		xmlns = xmlns, version = tostring(version), epoch = epoch, server = "prosody", plugin = plugin_version,
		archive = archive_is_ours() and "trestle" or "other", users = users_kind(),
		["archive-problem"] = problem, ["archive-waiting"] = waiting,
		sessions = tostring(bound.count()), ["max-sessions"] = tostring(sessions_max)
	});
	for _, what in ipairs { "bind", "uid", "offline-copy", "password-changed", "login" } do
		tag:text_tag("has", what);
	end
	return tag;
end

hook_request("get", "hello", function (event, child)
	local min, max = tonumber(child.attr.min or 1), tonumber(child.attr.max or child.attr.min or 1);
	if not min or not max or min > max then
		return "modify", "bad-request", "min and max are the versions that you know";
	end
	if version < min or version > max then
		return "cancel", "feature-not-implemented", "Only version "..version.." is known here";
	end
	bound.send(event.origin, st.reply(event.stanza):add_child(hello_tag()));
end);

-- The prepared user and resource that a request names, or nil. Only a bind may say them in another spelling.
local function names_prepared(attr)
	local user = attr.user and stringprep.nodeprep(attr.user);
	local resource = attr.resource and stringprep.resourceprep(attr.resource);
	if user and resource and #user > 0 and #resource > 0 and #user <= 1023 and #resource <= 1023 then
		return user, resource;
	end
end

local function record_find(attr)
	return attr.user and attr.resource and bound.records[attr.user.."@"..host.."/"..attr.resource];
end

local function is_taken(user, resource)
	local account = hosts[host].sessions[user];
	return account and account.sessions[resource];
end

hook_request("set", "bind", function (event, child)
	local user, resource = names_prepared(child.attr);
	if not user or #child.tags > 0 then
		return "modify", "bad-request", "user and resource must be there";
	end
	if not user_exists(user, host) then
		return "cancel", "item-not-found", "No such account";
	end
	if not is_allowed(user) then
		return "auth", "not-allowed", "This account may not be bound";
	end
	local old = bound.records[user.."@"..host.."/"..resource];
	if not old and is_taken(user, resource) then
		return "cancel", "conflict", "A client has this resource";
	end
	if not old and bound.count() >= sessions_max then
		return "wait", "resource-constraint", "There are "..sessions_max.." sessions already";
	end
	if old then
		bound.close(old);
	end
	local record, class, condition, text = bound.open(user, resource, event.origin);
	if not record then
		return class, condition, text;
	end
	bound.send(event.origin, st.reply(event.stanza):tag("bound",
		{ xmlns = xmlns, user = record.user, resource = record.resource }));
end);

-- Whether the account may be bound, and its password, if one is there, is right. With a password nothing is said of why not.
local function login_check(_, child)
	local user = child.attr.user and stringprep.nodeprep(child.attr.user);
	local password = child:get_child("password");
	if not user or #user == 0 or #user > 1023 or #child.tags > (password and 1 or 0) then
		return "modify", "bad-request";
	end
	local exists, allowed = user_exists(user, host), is_allowed(user);
	if not password then
		if not exists then return "cancel", "item-not-found"; end
		if not allowed then return "auth", "not-allowed"; end
		return;
	end
	local secret = password:get_text();
	-- To LDAP, a name without a password is nobody, and welcome.
	if not exists or not allowed or secret == "" or not usermanager.test_password(user, host, secret) then
		return "auth", "not-authorized";
	end
end

local login_runner = {};
function login_runner.run(_, request)
	if logins_waiting >= logins_max then
		bound.send(request.event.origin, st.error_reply(request.event.stanza, "wait", "resource-constraint"));
		return;
	end
	logins_waiting = logins_waiting + 1;
	logins:run(request);
end

hook_request("set", "login", login_check, login_runner);

hook_request("set", "unbind", function (event, child)
	local record = record_find(child.attr);
	if not record then
		return "cancel", "item-not-found", "Not bound";
	end
	bound.unbind(record, function ()
		bound.send(event.origin, st.reply(event.stanza));
	end);
end);

-- ---- Stanzas of the bridge

-- A component's stream spells jabber:client out on each element; Prosody's modules look for elements without it.
-- Returns false if the elements are nested too deeply.
local function namespace_implied(element, depth)
	if depth > depth_max then return false; end
	element.attr.xmlns = nil;
	for _, child in ipairs(element.tags) do
		if child.attr.xmlns == "jabber:client" and not namespace_implied(child, depth + 1) then
			return false;
		end
	end
	return true;
end

local iq_types = { get = true, set = true, result = true, error = true };

local function has_text(element)
	for _, child in ipairs(element) do
		if type(child) == "string" and child:match("%S") then return true; end
	end
end

-- The one stanza in an <inject/>, ready to be processed, or nil and what is wrong with it.
local function inject_stanza(inject, record)
	local inner = inject.tags[1];
	if not inner or inject.tags[2] or has_text(inject) then
		return nil, "Exactly one stanza is injected at a time";
	end
	if inner.attr.xmlns ~= "jabber:client"
	or (inner.name ~= "message" and inner.name ~= "presence" and inner.name ~= "iq") then
		return nil, "Only message, presence and iq of jabber:client can be injected";
	end
	local from = inner.attr.from and jid.prep(inner.attr.from);
	if inner.attr.from and from ~= record.jid and from ~= jid.bare(record.jid) then
		return nil, "The stanza is from somebody else";
	end
	if inner.name == "iq" and not (inner.attr.id and iq_types[inner.attr.type]) then
		return nil, "An iq needs an id and a type";
	end
	local stanza = st.clone(inner);
	if not namespace_implied(stanza, 1) then
		return nil, "The stanza is nested too deeply";
	end
	stanza.attr.from = nil;
	return stanza;
end

-- Nothing, or the error's type, condition and text.
local function inject_handle(wrapper, inject)
	local record = record_find(inject.attr);
	if not record then
		if not names_prepared(inject.attr) then
			return "modify", "bad-request", "user and resource must be there";
		end
		return "cancel", "item-not-found", "Not bound";
	end
	local stanza, problem = inject_stanza(inject, record);
	if not stanza then
		return "modify", "bad-request", problem;
	end
	local uid = inject.attr.uid and uids.parse(inject.attr.uid);
	if inject.attr.uid and (not uid or stanza.name ~= "message") then
		return "modify", "bad-request", "uid is a UUID, of a message";
	end
	if #tostring(stanza) > stanza_limit then
		return "modify", "policy-violation", "A stanza has "..stanza_limit.." bytes at most";
	end
	local ok, condition, text = bound.inject(record, stanza, uid, wrapper);
	if ok ~= true then
		return ok, condition, text;
	end
end

module:hook("message/host", function (event)
	local stanza = event.stanza;
	local inject = stanza:get_child("inject", xmlns);
	local is_error = stanza.attr.type == "error";
	if is_error and (inject or is_from_component(event)) then
		return true; -- nobody answers an error
	elseif not inject or stanza.attr.to ~= host then
		return;
	end
	local class, condition, text = "auth", "forbidden", nil;
	if is_from_component(event) then
		class, condition, text = inject_handle(stanza, inject);
	end
	if class then
		event.origin.send(st.error_reply(stanza, class, condition, text));
	end
	return true;
end, 10);

-- ---- The link

-- An unsolicited hello: a bridge whose link stood before this plugin need not ask again and again.
local function hello_announce()
	local env = hosts[component] and hosts[component].modules.component;
	local link = env and env.session;
	if link then
		bound.send(link, st.message({ from = host, to = component }):add_child(hello_tag()));
	end
end

module:hook("trestle-archive-changed", hello_announce);

local function component_watch()
	local context = module:context(component);
	context:hook("component-disconnected", function (event)
		bound.link_lost(event.session);
	end, -10);
	uids.hook_component(context);
end

if hosts[component] then
	component_watch();
end
module:hook_global("host-activated", function (name)
	if name == component then
		component_watch();
	end
end);
uids.hook_host(is_component, bound.take_uid);

-- ---- The accounts and the server. mod_c2s closes an account's sessions at 200, without our words for why.

local function hook_account(name, reason)
	module:hook_global(name, function (event)
		if event.host ~= host then return; end
		bound.close_all(reason, function (record)
			return record.user == event.username and not (event.resource and record.resource == event.resource);
		end);
	end, 201);
end
hook_account("user-password-changed", "password-changed");
hook_account("user-deleted", "deleted");
hook_account("user-disabled", "disabled");

module:hook_global("config-reloaded", function ()
	options_read();
	bound.close_all("disabled", function (record) return not is_allowed(record.user); end);
end);

module:hook_global("server-stopping", function ()
	bound.close_all("shutdown");
end);

function module.load()
	hello_announce();
end

function module.unload()
	bound.close_all("shutdown");
end
