-- For `luacheck plugin/prosody`: what Prosody gives to its modules.
std = "lua54"
max_line_length = 135
self = false
read_globals = {
	"prosody";
	module = { fields = { "load", "unload", "save", "restore", "command", "add_host" }; other_fields = true; read_only = false };
}
