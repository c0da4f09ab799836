-- SPDX-License-Identifier: GPL-3.0-or-later
-- A client of PostgreSQL's protocol (version 3, extended query) that never waits: it hangs on net.server, as all of
-- Prosody does. Parameters and results are text. What is queried before one sync() is one transaction.
--
--   local client = pgsql.connect(options, statements, events)
--     options: host, port, database, username, password
--     statements: name → SQL, prepared once
--     events: onready(), onlost(reason): once each at most; after onlost the client is dead
--   client:query(name, parameters, done): done(rows) or done(nil, { code, message }), once, also when the link is lost
--   client:sync(): what was queried since the last one is to be carried out
--   client:close(reason)

local dbuffer = require "util.dbuffer";
local connect = require "net.connect".connect;
local basic_resolver = require "net.resolvers.basic";
local scram = module:require "scram";

local t_concat, t_insert, t_remove = table.concat, table.insert, table.remove;
local pack, unpack_integer = string.pack, string.unpack;
if not pack then -- before Lua 5.3
	local struct = require "util.struct";
	pack, unpack_integer = struct.pack, struct.unpack;
end

local LENGTH_MAX = 64 * 1024 * 1024; -- of one message from the server

local client_methods = {};
local client_mt = { __index = client_methods };

local function message(kind, ...)
	local body = t_concat({ ... });
	return kind .. pack(">I4", #body + 4) .. body;
end

local function text(value)
	return value .. "\0";
end

-- ---- Queries ---------------------------------------------------------------------------------------

local function bind_message(name, parameters)
	local parts = { text(""), text(name), pack(">I2", 0), pack(">I2", parameters.n) };
	for i = 1, parameters.n do
		local value = parameters[i];
		if value == nil then
			t_insert(parts, pack(">i4", -1));
		else
			value = tostring(value);
			t_insert(parts, pack(">I4", #value));
			t_insert(parts, value);
		end
	end
	t_insert(parts, pack(">I2", 0));
	return message("B", t_concat(parts));
end

function client_methods:query(name, parameters, done)
	if self.dead then
		return done(nil, { code = "08006"; message = self.dead });
	end
	t_insert(self.open, { rows = {}; done = done });
	t_insert(self.unsent, bind_message(name, parameters));
	t_insert(self.unsent, message("E", text(""), pack(">I4", 0)));
end

function client_methods:sync()
	if self.dead or not self.open[1] then return; end
	t_insert(self.unsent, message("S"));
	t_insert(self.batches, self.open);
	self.open = {};
	local data = t_concat(self.unsent);
	self.unsent = {};
	self.conn:write(data);
end

-- Calls back for each of a batch that has no answer.
local function batch_fail(batch, err)
	for _, query in ipairs(batch) do
		if query.done then
			local done = query.done;
			query.done = nil;
			done(nil, err);
		end
	end
end

function client_methods:close(reason)
	if self.dead then return; end
	self.dead = reason or "closed";
	local conn, batches, open = self.conn, self.batches, self.open;
	self.conn, self.batches, self.open, self.unsent = nil, {}, {}, {};
	if conn then
		(conn.destroy or conn.close)(conn); -- not after what waits to be written: that may be for ever
	end
	local err = { code = "08006"; message = self.dead };
	for _, batch in ipairs(batches) do
		batch_fail(batch, err);
	end
	batch_fail(open, err);
	self.events.onlost(self.dead);
end

-- ---- What the server says -------------------------------------------------------------------------------

local function read_row(body)
	local row, count, at = {}, unpack_integer(">I2", body), 3;
	for i = 1, count do
		local length = unpack_integer(">i4", body, at);
		at = at + 4;
		if length >= 0 then
			row[i] = body:sub(at, at + length - 1);
			at = at + length;
		end
	end
	return row;
end

local function read_error(body)
	local err = {};
	for field, value in body:gmatch("(%a)([^%z]*)%z") do
		if field == "C" then
			err.code = value;
		elseif field == "M" then
			err.message = value;
		end
	end
	return err;
end

local handlers = {};

function handlers.R(client, body)
	local kind = unpack_integer(">I4", body);
	local answer, problem;
	if kind == 0 then -- in
		return;
	elseif kind == 10 then
		if not client.options.password then
			return client:close("PostgreSQL asks for a password, and trestle_sql has none");
		end
		client.scram = scram.new(client.options.password);
		answer, problem = client.scram:first(body:sub(5));
		answer = answer and text("SCRAM-SHA-256") .. pack(">I4", #answer) .. answer;
	elseif kind == 11 and client.scram then
		answer, problem = client.scram:final(body:sub(5));
	elseif kind == 12 and client.scram then
		answer, problem = nil, client.scram:verify(body:sub(5));
		if not problem then return; end
	end
	if answer then
		return client.conn:write(message("p", answer));
	end
	client:close(problem or "PostgreSQL wants another authentication than scram-sha-256 or trust");
end

function handlers.D(client, body)
	local query = client.batches[1] and client.batches[1][client.answered + 1];
	if query then
		t_insert(query.rows, read_row(body));
	end
end

function handlers.C(client)
	local query = client.batches[1] and client.batches[1][client.answered + 1];
	if query then
		client.answered = client.answered + 1;
	end
end

handlers.I = handlers.C;

function handlers.E(client, body)
	local err = read_error(body);
	if not client.ready then
		return client:close(err.message);
	end
	client.failed = err;
end

-- The batch is committed, or is not: only now is it known.
function handlers.Z(client)
	if not client.ready then
		client.ready = true;
		return client.events.onready();
	end
	local batch, err, answered = t_remove(client.batches, 1), client.failed, client.answered;
	client.failed, client.answered = nil, 0;
	if not batch then
		return;
	elseif err or answered < #batch then
		return batch_fail(batch, err or { code = "XX000"; message = "no answer" });
	end
	for _, query in ipairs(batch) do
		local done = query.done;
		query.done = nil;
		done(query.rows);
	end
end

local listeners = {};
local clients = setmetatable({}, { __mode = "k" }); -- connection → client

local function startup(client)
	local options = client.options;
	local words = {
		"user", options.username, "database", options.database, "client_encoding", "UTF8",
		"application_name", "prosody", "options", "-c statement_timeout=10000 -c timezone=UTC -c datestyle=ISO",
	};
	for i, word in ipairs(words) do
		words[i] = text(word);
	end
	local body = pack(">I4", 196608) .. t_concat(words) .. "\0";
	client.conn:write(pack(">I4", #body + 4) .. body);
	for name, statement in pairs(client.statements) do
		t_insert(client.unsent, message("P", text(name), text(statement), pack(">I2", 0)));
	end
end

function listeners.onattach(conn, client)
	clients[conn] = client;
end

function listeners.onconnect(conn)
	local client = clients[conn];
	if client.dead then return conn:close(); end
	client.conn = conn;
	startup(client);
end

function listeners.onincoming(conn, data)
	local client = clients[conn];
	if not client or client.dead then return; end
	local buffer = client.buffer;
	buffer:write(data);
	while not client.dead and buffer:length() >= 5 do
		local kind, length = unpack_integer(">c1I4", buffer:sub(1, 5));
		if length < 4 or length > LENGTH_MAX then
			return client:close("PostgreSQL does not speak its protocol");
		elseif buffer:length() < length + 1 then
			return;
		end
		buffer:read(5);
		local handler, body = handlers[kind], length > 4 and buffer:read(length - 4) or "";
		if handler then
			handler(client, body);
		end
	end
end

function listeners.ondisconnect(conn, reason)
	local client = clients[conn];
	if client then
		client:close(reason or "the connection was closed");
	end
end

function listeners.onfail(client, reason)
	client:close(reason or "no connection");
end

local function new(options, statements, events)
	local client = setmetatable({
		options = options; statements = statements; events = events;
		buffer = dbuffer.new(nil, 4096);
		open = {}; -- queries since the last sync
		unsent = {};
		batches = {}; -- lists of queries, in the order in which they were sent
		answered = 0; -- of the first batch
	}, client_mt);
	connect(basic_resolver.new(options.host, options.port, "tcp"), listeners, {}, client);
	return client;
end

return { connect = new };
