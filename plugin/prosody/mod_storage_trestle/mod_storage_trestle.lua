-- SPDX-License-Identifier: GPL-3.0-or-later
-- Prosody's own archive of messages (mod_mam), kept in Trestle's PostgreSQL (decision 0072).
--
--   storage = { archive = "trestle" }
--   trestle_sql = { host = "127.0.0.1"; port = 5432; database = "trestle"; username = "mam_example"; password = "…" }
--
-- Further options: trestle_sql_timeout, seconds until PostgreSQL counts as away (2); trestle_spool_max, bytes (256 MiB).
--
-- Nothing here waits on the server's loop. append() chooses the id, sends, and returns; what is not confirmed in time goes to the
-- spool, and from there to PostgreSQL when it is back, in order. While the spool has something, all goes there. find() and
-- delete() wait in util.async.

local async = require "util.async";
local datetime = require "util.datetime";
local jid = require "util.jid";
local json = require "util.json";
local random_bytes = require "util.random".bytes;
local st = require "util.stanza";
local timer = require "util.timer";
local time_now = require "util.time".now;
local to_hex = require "util.hex".encode;
local parse_xml = require "util.xml".parse;

local pgsql = module:require "pgsql";
local new_spool = module:require "spool".new;

local host = module.host;
local current = module:shared("/*/trestle/current"); -- of mod_trestle: host, uid and event of the message under way
local archives = module:shared("/*/trestle/archives"); -- for mod_trestle's hello: host → how its archive is
local state = { problem = "not connected yet"; waiting = 0 };
archives[host] = state;

local VERSION = 1; -- of the SQL functions
local TICK = 0.5;
local RECONNECT_MAX = 5;
local UNCONFIRMED_MAX = 10000; -- appends that are on their way
local REPLAY_COUNT = 500;
local TRIM_BATCH = 1000;

local options = module:get_option("trestle_sql") or {};
local timeout = module:get_option_number("trestle_sql_timeout", 2);
local spool = new_spool((prosody.paths.data or ".") .. "/trestle_spool_" .. host:gsub("[^%w.-]", "_") .. ".json",
	module:get_option_number("trestle_spool_max", 256 * 1024 * 1024));

local measure_spool = module:measure("spool_bytes", "amount");

local statements = {
	version = "SELECT mam_version()";
	try = "SELECT mam_try($1)";
	lock = "SELECT mam_lock($1::text[])";
	append = "SELECT mam_append($1, $2::uuid, $3, $4, $5, $6, $7, $8::timestamptz, $9)";
	append_many = "SELECT * FROM mam_append_many($1::jsonb)";
	find = "SELECT uid, floor(extract(epoch FROM stamp))::bigint, peer, stanza"
		.. " FROM mam_find($1, $2, $3::timestamptz, $4::timestamptz, $5::uuid, $6::uuid, $7::uuid[], $8::int, $9::boolean)";
	count = "SELECT mam_count($1, $2, $3::timestamptz, $4::timestamptz)";
	trim = "SELECT mam_trim($1, $2::timestamptz, $3::bigint, $4::int)";
	remove = "SELECT mam_remove($1, $2)";
};

-- ---- The connection -------------------------------------------------------------------------------------

local link = { attempts = 0 }; -- client, ready: a client that has shown that it works
local unconfirmed = {}; -- what is on its way, a queue: { entry, sent }
local first_unconfirmed, last_unconfirmed = 1, 0;
local planned, planned_owners = {}, {}; -- appends of this turn of the loop; whose archives they are for
local replaying, sync_planned, unloaded = false, false, false;
local replay, open_link;

local function spool_note()
	state.waiting = spool.size;
	measure_spool(spool.size);
end
spool_note();

local function entry_spool(entry)
	local ok, err = spool:add(entry);
	if not ok then
		module:log("error", "A stanza of %s is lost to the archive: %s", entry.owner, err);
	end
	spool_note();
end

-- All that is not confirmed goes to the spool, in order; its late confirmation changes nothing.
local function unconfirmed_spool()
	for i = first_unconfirmed, last_unconfirmed do
		if unconfirmed[i] then
			entry_spool(unconfirmed[i].entry);
			unconfirmed[i].spooled = true;
			unconfirmed[i] = nil;
		end
	end
	first_unconfirmed, last_unconfirmed = 1, 0;
	planned, planned_owners = {}, {};
end

local function unconfirmed_trim()
	while first_unconfirmed <= last_unconfirmed and not unconfirmed[first_unconfirmed] do
		first_unconfirmed = first_unconfirmed + 1;
	end
	if first_unconfirmed > last_unconfirmed then
		first_unconfirmed, last_unconfirmed = 1, 0;
	end
end

local function link_end(reason)
	if link.client then
		link.client:close(reason);
	end
end

-- mod_trestle says hello again when what is wrong is another.
local function state_tell(problem)
	local before = state.problem;
	state.problem = problem;
	if problem ~= before then
		module:fire_event("trestle-archive-changed");
	end
end

local function on_lost(client, reason)
	if link.client ~= client then return; end
	if link.ready or link.attempts == 0 then
		module:log("warn", "No archive in PostgreSQL for now, messages are kept in the spool: %s", reason);
	end
	link.client, link.ready, replaying = nil, false, false;
	state_tell(tostring(reason));
	unconfirmed_spool();
	if unloaded then return; end
	link.attempts = link.attempts + 1;
	module:add_timer(math.min(0.25 * 2 ^ math.min(link.attempts, 10), RECONNECT_MAX), function ()
		if not unloaded then open_link(); end
	end);
end

local function on_ready(client)
	client:query("version", { n = 0 }, function (rows, err)
		if client ~= link.client then return; end
		local version = rows and tonumber(rows[1][1]);
		if version ~= VERSION then
			return client:close(err and err.message
				or ("the functions are of version %s, this plugin is for %d"):format(tostring(version), VERSION));
		end
		client:query("try", { n = 1, host }, function (_, refusal)
			if client ~= link.client then return; end
			if refusal then return client:close(refusal.message); end
			if link.attempts > 0 then
				module:log("info", "The archive in PostgreSQL is back");
			end
			link.ready, link.attempts = true, 0;
			state_tell(nil);
			replay();
		end);
		client:sync();
	end);
	client:sync();
end

function open_link()
	local events = {};
	link.since, link.ready = time_now(), false;
	local client = pgsql.connect({
		host = options.host or "127.0.0.1"; port = tonumber(options.port) or 5432; database = options.database or "trestle";
		username = options.username or "trestle_mam"; password = options.password;
	}, statements, events);
	link.client = client;
	function events.onready() on_ready(client); end
	function events.onlost(reason) on_lost(client, reason); end
	if client.dead then -- at once
		on_lost(client, client.dead);
	end
end

local function jids_array(set)
	local quoted = {};
	for owner in pairs(set) do
		quoted[#quoted + 1] = '"' .. owner:gsub('[\\"]', "\\%0") .. '"';
	end
	return "{" .. table.concat(quoted, ",") .. "}", #quoted;
end

-- The appends of this turn are one transaction. All archives first: whoever holds a stanza then waits for no archive.
local function sync_now()
	local appends, owners, count = planned, jids_array(planned_owners);
	planned, planned_owners = {}, {};
	local client = link.client;
	if not client then return; end
	if count > 1 then
		client:query("lock", { n = 1, owners }, function () end);
	end
	for _, append in ipairs(appends) do
		append(client);
	end
	client:sync();
end

local function sync_soon()
	if sync_planned then return; end
	sync_planned = true;
	timer.add_task(0, function ()
		sync_planned = false;
		sync_now();
	end);
end

-- ---- The spool ------------------------------------------------------------------------------------------

local function replay_done(rows, err, entries)
	replaying = false;
	if err then
		module:log("warn", "The spool waits: PostgreSQL says %s: %s", err.code, err.message);
		return link_end("the spool is not taken");
	end
	for i, entry in ipairs(entries) do
		if not entry.remove and not (rows[i] and rows[i][1]) then
			module:log("error", "PostgreSQL does not take a stanza of %s, it is lost to the archive: %s", entry.owner, json.encode(entry));
		end
	end
	spool:taken();
	spool_note();
	return replay();
end

-- Entries of one kind: appends together, a removal alone.
local function replay_next()
	local entries = spool:peek(REPLAY_COUNT);
	if #entries > 0 and entries[1].remove then
		return spool:peek(1);
	end
	for i, entry in ipairs(entries) do
		if entry.remove then
			return spool:peek(i - 1);
		end
	end
	return entries;
end

function replay()
	if replaying or not link.ready then return; end
	while not spool:is_empty() do
		local entries = replay_next();
		if #entries > 0 then
			replaying = true;
			local function done(rows, err) return replay_done(rows, err, entries); end
			link.replay_since = time_now();
			if entries[1].remove then
				link.client:query("remove", { n = 2, entries[1].owner }, done);
			else
				link.client:query("append_many", { n = 1, json.encode(entries) }, done);
			end
			return link.client:sync();
		end
		spool:taken(); -- nothing in it could be read
	end
end

local function tick()
	if unloaded then return; end
	local now, oldest = time_now(), unconfirmed[first_unconfirmed];
	if link.client and not link.ready and now - link.since > timeout + 3 then
		link_end("PostgreSQL does not answer");
	elseif oldest and now - oldest.sent > timeout then
		link_end("PostgreSQL does not confirm");
	elseif replaying and now - link.replay_since > 30 then
		link_end("PostgreSQL does not take the spool");
	end
	return TICK;
end

-- ---- Adding ---------------------------------------------------------------------------------------------

local function uuid7()
	local milliseconds = math.floor(time_now() * 1000);
	local random = to_hex(random_bytes(10));
	local variant = ("89ab"):sub(tonumber(random:sub(4, 4), 16) % 4 + 1):sub(1, 1);
	local time = ("%012x"):format(milliseconds);
	return ("%s-%s-7%s-%s%s-%s"):format(time:sub(1, 8), time:sub(9, 12), random:sub(1, 3), variant, random:sub(5, 7), random:sub(8, 19));
end

-- The id of the message under way: one for both ends. Without mod_trestle its event is not known.
local function uid_choose()
	if current.event == nil then
		return uuid7();
	elseif not current.uid then
		current.uid = uuid7();
	end
	return current.uid;
end

local function stamp_now()
	local now = time_now();
	local micro = math.floor(now % 1 * 1000000);
	return ("%s.%06dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", math.floor(now)), micro);
end

local function append_query(client, place, slot)
	local entry = slot.entry;
	client:query("append", {
		n = 9, entry.owner, entry.uid, entry.direction, entry.peer, entry.sender, entry.origin, entry.stanza, entry.stamp, entry.kind;
	}, function (rows, err)
		if slot.spooled then return; end
		unconfirmed[place] = nil;
		unconfirmed_trim();
		if err then -- of its batch none was stored: each is tried again by itself
			entry_spool(entry);
			return replay();
		elseif rows[1] and rows[1][1] ~= entry.uid then
			module:log("warn", "The id %s is another message's: one of %s is archived as %s", entry.uid, entry.owner, rows[1][1]);
		end
	end);
end

local function append_send(entry)
	last_unconfirmed = last_unconfirmed + 1;
	local place, slot = last_unconfirmed, { entry = entry; sent = time_now() };
	unconfirmed[place] = slot;
	planned[#planned + 1] = function (client) append_query(client, place, slot); end;
	planned_owners[entry.owner] = true;
	sync_soon();
end

local archive = {};
local archive_mt = { __index = archive };

archive.caps = { total = true; ids = true; full_id_range = true; wildcard_delete = true };

function archive:append(username, _, stanza, _, with)
	local owner = jid.join(username, host);
	local sender = stanza.attr.from or owner;
	local to = stanza.attr.to;
	local origin = stanza:get_child("origin-id", "urn:xmpp:sid:0");
	local stored = stanza.attr.xmlns == "jabber:client" and stanza or st.clone(stanza);
	stored.attr.xmlns = "jabber:client";
	local entry = {
		owner = owner; uid = uid_choose(); direction = jid.bare(sender) == owner and "out" or "in";
		peer = jid.bare(with) or jid.bare(to or owner); sender = sender; origin = origin and origin.attr.id or stanza.attr.id;
		stanza = tostring(stored); stamp = stamp_now(); kind = stanza.attr.type == "groupchat" and "groupchat" or "chat";
	};
	if link.ready and spool:is_empty() and last_unconfirmed - first_unconfirmed < UNCONFIRMED_MAX then
		append_send(entry);
	else
		entry_spool(entry);
		replay();
	end
	return entry.uid;
end

-- ---- Waiting --------------------------------------------------------------------------------------------

-- While a runner waits, Prosody does not read from its session. Bytes that have already left the socket for a buffer are not
-- looked at when it goes on, before the client sends again: they are now. _wantread is false as long as it waits.
local function session_wake(session)
	local conn, tries = session and session.conn, 0;
	if not conn or not conn.onreadable then return; end
	timer.add_task(0.01, function ()
		tries = tries + 1;
		if not conn.conn or not conn.conn.dirty or not conn.conn:dirty() then
			return;
		elseif conn._wantread then
			conn:onreadable(); -- which goes on by itself as long as nobody waits
			return;
		end
		return tries < 500 and 0.02 or nil;
	end);
end

local asking; -- the session whose query of the archive is under way

-- The rows, or nil and an error.
local function query_wait(name, parameters)
	local session = asking;
	asking = nil;
	if not link.ready then
		return nil, { code = "08006"; message = "PostgreSQL is away" };
	elseif not async.ready() then
		return nil, { code = "55000"; message = "there is no way to wait here" };
	end
	local rows, err, finished;
	local wait, finish = async.waiter();
	local function settle(found, problem)
		if finished then return; end
		rows, err, finished = found, problem, true;
		finish();
	end
	sync_now(); -- what was added before is a transaction of its own
	link.client:query(name, parameters, settle);
	link.client:sync();
	timer.add_task(timeout, function () settle(nil, { code = "57014"; message = "PostgreSQL does not answer" }); end);
	wait();
	session_wake(session);
	return rows, err;
end

local function problem_of(err)
	if err.code == "TR404" then
		return "item-not-found";
	end
	module:log("warn", "The archive cannot be read: %s (%s)", err.message, err.code);
	return "internal-server-error";
end

-- ---- Reading --------------------------------------------------------------------------------------------

-- Children that say again that they are of the stanza's namespace would not be found by their name.
local function namespace_tidy(element, inherited)
	for _, child in ipairs(element.tags) do
		local own = child.attr.xmlns;
		if own == inherited then
			child.attr.xmlns = nil;
		end
		namespace_tidy(child, own or inherited);
	end
	return element;
end

local function stanza_read(text)
	local stanza = parse_xml(text);
	return stanza and namespace_tidy(stanza, "jabber:client");
end

local function is_uuid(text)
	return type(text) == "string" and #text == 36 and text:find("^%x+%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$")
		and text:sub(9, 9) == "-" and text:sub(24, 24) == "-";
end

-- Times are shown to whole seconds: whoever names one means all of that second.
local function time_text(seconds, is_end)
	return seconds and datetime.datetime(math.floor(seconds)):gsub("Z$", is_end and ".999999Z" or "Z") or nil;
end

local function ids_text(ids)
	local known = {};
	for _, id in ipairs(ids or {}) do
		if is_uuid(id) then known[#known + 1] = id; end
	end
	return ids and "{" .. table.concat(known, ",") .. "}" or nil;
end

local function rows_each(rows)
	local at = 0;
	return function ()
		while true do
			at = at + 1;
			local row = rows[at];
			if not row then return; end
			local stanza = stanza_read(row[4]);
			if stanza then
				return row[1], stanza, tonumber(row[2]), row[3];
			end
			module:log("error", "The stanza %s of the archive cannot be read and is left out", row[1]);
		end
	end
end

function archive:find(username, query)
	query = query or {};
	if query.after and not is_uuid(query.after) or query.before and not is_uuid(query.before) then
		return nil, "item-not-found";
	end
	local owner, total, rows, err = jid.join(username, host), nil, {};
	local since, till = time_text(query.start), time_text(query["end"], true);
	local session = asking;
	if query.limit ~= 0 or query.after or query.before then -- of an id that it does not have an archive says so
		rows, err = query_wait("find", {
			n = 9, owner, query.with, since, till, query.after, query.before, ids_text(query.key and { query.key } or query.ids),
			query.limit, query.reverse and "true" or "false";
		});
		if not rows then return nil, problem_of(err); end
	end
	if query.total then
		asking = session;
		total, err = query_wait("count", { n = 4, owner, query.with, since, till });
		if not total then return nil, problem_of(err); end
		total = tonumber(total[1][1]);
	end
	return rows_each(rows), total;
end

function archive:get(username, key)
	local each, err = self:find(username, { key = key; limit = 1 });
	if not each then return nil, err; end
	local _, stanza, when, with = each();
	if not stanza then return nil, "item-not-found"; end
	return stanza, when, with;
end

-- ---- Removing -------------------------------------------------------------------------------------------

function archive:delete(username, query)
	query = query or {};
	local owner = username ~= true and jid.join(username, host) or nil;
	local removed = 0;
	if owner and not query["end"] and not query.truncate then
		local rows, err = query_wait("remove", { n = 2, owner, query.with });
		if not rows then return nil, problem_of(err); end
		return tonumber(rows[1][1]);
	elseif not query["end"] and not query.truncate then
		return nil, "not-allowed";
	end
	while true do
		local rows, err = query_wait("trim", { n = 4, owner, time_text(query["end"]), query.truncate, TRIM_BATCH });
		if not rows then return nil, problem_of(err); end
		local count = tonumber(rows[1][1]);
		removed = removed + count;
		if count == 0 then return removed; end
	end
end

-- ---- Prosody's side ---------------------------------------------------------------------------------------

local driver = {};

function driver:open(store, typ) -- luacheck: ignore 212/self
	if typ ~= "archive" then
		return nil, "unsupported-store";
	end
	return setmetatable({ store = store }, archive_mt);
end

-- An account is gone: nobody waits, so it takes the same way as what is added.
function driver:purge(username) -- luacheck: ignore 212/self
	entry_spool({ owner = jid.join(username, host), remove = true });
	replay();
	return true;
end

-- Without mod_trestle, both ends of one message are known by the event that they share here.
local function event_begin(event)
	if current.event == nil then
		current.host, current.event, current.uid, current.own = host, event, event.trestle_uid, true;
	end
end

local function event_end(event)
	if current.own and current.event == event then
		event.trestle_uid = current.uid;
		current.host, current.event, current.uid, current.own = nil, nil, nil, nil;
	end
end

for _, kind in ipairs { "pre-message/bare", "pre-message/full", "message/bare", "message/full" } do
	module:hook(kind, event_begin, 0.05);
	module:hook(kind, event_end, -0.05);
end

local function remember_session(event)
	asking = event.origin;
end
for _, kind in ipairs { "iq-set/self/urn:xmpp:mam:2:query", "iq-get/self/urn:xmpp:mam:2:metadata" } do
	module:hook(kind, remember_session, 0.5);
	module:hook(kind, function () asking = nil; end, -0.5);
end

function module.load()
	open_link();
	module:add_timer(TICK, tick);
end

function module.unload()
	unloaded = true;
	unconfirmed_spool();
	link_end("the module is unloaded");
end

module:hook_global("server-stopping", function ()
	unconfirmed_spool();
end, -100);

module:provides("storage", driver);
