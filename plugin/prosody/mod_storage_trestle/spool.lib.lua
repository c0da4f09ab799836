-- SPDX-License-Identifier: GPL-3.0-or-later
-- What PostgreSQL has not confirmed, as a file with a line of JSON for each entry. It only grows, until all of it was
-- taken; then it is emptied. What is read again after a crash was perhaps taken before: entries can be repeated.
--
--   local spool = new(path, max_bytes)
--   spool:add(entry): false: it is full, and the entry is lost
--   spool:is_empty()
--   spool:peek(count): the next entries that were not taken, at most so many
--   spool:taken(): those that peek() gave last were taken

local json = require "util.json";

local READ_MAX = 1024 * 1024; -- of one peek

local spool_methods = {};
local spool_mt = { __index = spool_methods };

local function file_size(path)
	local file = io.open(path, "rb");
	if not file then return 0; end
	local size = file:seek("end");
	file:close();
	return size;
end

function spool_methods:is_empty()
	return self.offset >= self.size;
end

function spool_methods:add(entry)
	local line = json.encode(entry) .. "\n";
	if self.size + #line > self.max then
		return false, "the spool is full";
	end
	local file, err = io.open(self.path, "ab");
	if not file then
		return false, err;
	end
	if self.torn then -- the server ended while it wrote
		line = "\n" .. line;
	end
	local ok;
	ok, err = file:write(line);
	ok = file:close() and ok;
	if not ok then
		self.size = file_size(self.path);
		self.torn = true;
		return false, err or "it cannot be written";
	end
	self.torn = false;
	self.size = self.size + #line;
	return true;
end

function spool_methods:peek(count)
	local entries, file = {}, io.open(self.path, "rb");
	self.next = self.offset;
	if not file then
		self.next = self.size; -- somebody has removed it
		return entries;
	end
	file:seek("set", self.offset);
	while #entries < count and self.next - self.offset < READ_MAX do
		local line = file:read("*L");
		if not line then break; end
		self.next = self.next + #line;
		local entry = json.decode(line);
		if type(entry) == "table" then
			entries[#entries + 1] = entry;
		elseif line:find("%S") then
			module:log("error", "A line of the spool %s cannot be read and is left out", self.path);
		end
	end
	file:close();
	return entries;
end

function spool_methods:taken()
	self.offset = self.next;
	if self:is_empty() then
		os.remove(self.path);
		self.offset, self.size, self.torn = 0, 0, false;
	end
end

local function new(path, max)
	local size = file_size(path);
	local torn = false;
	if size > 0 then
		local file = io.open(path, "rb");
		file:seek("end", -1);
		torn = file:read(1) ~= "\n";
		file:close();
	end
	return setmetatable({ path = path; max = max; size = size; offset = 0; next = 0; torn = torn }, spool_mt);
end

return { new = new };
