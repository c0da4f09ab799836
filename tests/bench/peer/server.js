// SPDX-License-Identifier: GPL-3.0-or-later
// What the seeds describe, written plainly for tests/bench/peers: Express, Socket.IO, PostgreSQL by a pool of ten. A message is
// sent by REST, stored with statements of its own, and told to the conversation's room.
const crypto = require("node:crypto");
const express = require("express");
const http = require("node:http");
const { Server } = require("socket.io");
const { Pool } = require("pg");

const pool = new Pool({ connectionString: process.env.DATABASE, max: 10 });
const app = express();
const server = http.createServer(app);
const io = new Server(server, { transports: ["websocket"] });

function authenticate(token) {
  const [head, claims, signature] = String(token).split(".");
  const wanted = crypto.createHmac("sha256", process.env.SECRET).update(`${head}.${claims}`).digest("base64url");
  if (!signature || signature.length !== wanted.length || !crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(wanted)))
    return null;
  return JSON.parse(Buffer.from(claims, "base64url")).sub;
}

io.use((socket, next) => {
  socket.data.user = authenticate(socket.handshake.auth.token);
  next(socket.data.user ? undefined : new Error("unauthorized"));
});
io.on("connection", (socket) => socket.on("join", (conversation) => socket.join(conversation)));

app.use(express.json());
app.post("/api/conversations/:id/messages", async (request, reply) => {
  const user = authenticate((request.get("authorization") || "").slice(7));
  if (!user)
    return reply.status(401).json({ error: "unauthorized" });
  try {
    const { content, client_id } = request.body;
    const found = await pool.query("SELECT id FROM conversations WHERE id = $1 AND (user1_id = $2 OR user2_id = $2)",
                                   [request.params.id, user]);
    if (found.rowCount === 0)
      return reply.status(404).json({ error: "not found" });
    const stored = await pool.query("INSERT INTO messages (conversation_id, sender_id, content, client_id) VALUES ($1, $2, $3, $4)"
                                    + " RETURNING *", [request.params.id, user, content, client_id]);
    await pool.query("UPDATE conversations SET last_message_at = $2 WHERE id = $1", [request.params.id, stored.rows[0].created_at]);
    const sender = await pool.query("SELECT id, username, name FROM users WHERE id = $1", [user]);
    const message = { ...stored.rows[0], sender: sender.rows[0], status: "sent" };
    io.to(request.params.id).emit("new_message", message);
    return reply.status(201).json(message);
  } catch (error) {
    return reply.status(500).json({ error: error.message });
  }
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
