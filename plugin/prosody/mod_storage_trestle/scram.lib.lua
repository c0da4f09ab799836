-- SPDX-License-Identifier: GPL-3.0-or-later
-- The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, as PostgreSQL speaks it.

local base64 = require "util.encodings".base64;
local saslprep = require "util.encodings".stringprep.saslprep;
local hashes = require "util.hashes";
local random_bytes = require "util.random".bytes;
local xor = require "util.strbitop".sxor;

local ITERATIONS_MAX = 100000; -- they are counted on the server's loop

local scram_methods = {};
local scram_mt = { __index = scram_methods };

-- mechanisms: what the server offers, a list of texts that end with NUL. Yields the first message, or nil and why not.
function scram_methods:first(mechanisms)
	if not ("\0" .. mechanisms):find("\0SCRAM-SHA-256\0", 1, true) then
		return nil, "PostgreSQL does not offer SCRAM-SHA-256";
	end
	self.nonce = base64.encode(random_bytes(18));
	self.bare = "n=,r=" .. self.nonce; -- the name is that of the connection
	return "n,," .. self.bare;
end

-- challenge: the server's first message. Yields ours, or nil and what is wrong.
function scram_methods:final(challenge)
	local nonce, salt, iterations = challenge:match("^r=([^,]+),s=([^,]+),i=(%d+)");
	salt, iterations = salt and base64.decode(salt), tonumber(iterations);
	if not salt or nonce:sub(1, #self.nonce) ~= self.nonce or iterations < 1 or iterations > ITERATIONS_MAX then
		return nil, "PostgreSQL's challenge is wrong";
	end
	local salted = hashes.pbkdf2_hmac_sha256(saslprep(self.password) or self.password, salt, iterations);
	local key = hashes.hmac_sha256(salted, "Client Key");
	local without_proof = "c=biws,r=" .. nonce;
	local said = self.bare .. "," .. challenge .. "," .. without_proof;
	local proof = xor(key, hashes.hmac_sha256(hashes.sha256(key), said));
	self.signature = base64.encode(hashes.hmac_sha256(hashes.hmac_sha256(salted, "Server Key"), said));
	return without_proof .. ",p=" .. base64.encode(proof);
end

-- What is wrong with the server's last message; nil: it knows the password, too.
function scram_methods:verify(last)
	if last:match("^v=([^,]+)") ~= self.signature then
		return "PostgreSQL does not know the password";
	end
end

return {
	new = function (password)
		return setmetatable({ password = password }, scram_mt);
	end;
};
