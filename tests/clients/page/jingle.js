// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";

// An XMPP account in a page, that calls and is called by Jingle with the library stanza. It knows nothing of Trestle.
class JinglePeer {
  constructor({ url, jid, password, resource, kinds, iceServers }) {
    this.kinds = kinds;
    this.told = [];         // [what, …] in order
    this.client = createClient({ jid, password, resource, transports: { websocket: url, bosh: false }, jingle: { iceServers } });
    this.client.jingle.on("incoming", (session) => this.take(session, "incoming"));
    for (const name of ["accepted", "mute", "unmute", "hold", "resumed", "ringing", "terminated"])
      this.client.jingle.on(name, (_, detail) => this.told.push([name, (detail && (detail.condition || detail.name)) || ""]));
    this.client.jingle.on("peerTrackAdded", (_, track) => Peer.prototype.play.call(this, track));
    // Who asks what its capabilities stand for; others ask without a node.
    this.client.on("iq:get:disco", ({ from, disco }) => disco.node && this.told.push(["described", from]));
    this.client.on("stream:error", (error) => this.told.push(["stream error", String(error.condition)]));
  }

  login() {
    return new Promise((good, bad) => {
      this.client.on("session:started", async () => {
        await this.client.getRoster();
        this.client.updateCaps();
        this.client.sendPresence({ legacyCapabilities: this.client.disco.getCaps() });
        good(this.client.jid);
      });
      this.client.on("auth:failed", () => bad(new Error("the password was refused")));
      this.client.connect();
    });
  }

  take(session, what) {
    this.session = session;
    this.told.push([what, session.peerID]);
  }

  open() {
    return navigator.mediaDevices.getUserMedia({ audio: true, video: this.kinds.includes("video") });
  }

  async call(jid, sid) {
    const stream = await this.open();
    const session = this.client.jingle.createMediaSession(jid, sid, stream);
    this.take(session, "outgoing");
    await session.start();
    return session.sid;
  }

  async accept() {
    const stream = await this.open();
    for (const track of stream.getTracks())
      await this.session.addTrack(track, stream);
    await this.session.accept();
  }

  ring() {
    this.session.ring();
  }

  say(jid, body) {
    this.client.sendMessage({ to: jid, body, type: "chat" });
  }

  decline() {
    this.session.decline();
  }

  end() {
    this.session.end("success");
  }

  restart() {
    return this.session.restartIce();
  }

  // As of Peer.
  get connection() {
    return this.session.pc;
  }

  get failures() {
    return [];
  }

  arrived() {
    return Peer.prototype.arrived.call(this);
  }

  flows(wanted) {
    return Peer.prototype.flows.call(this, wanted);
  }

  // Until something was told (and what).
  async until(what) {
    for (;;) {
      const found = this.told.findIndex(([name]) => name === what);
      if (found >= 0)
        return this.told.splice(found, 1)[0];
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  close() {
    this.client.disconnect();
  }
}
window.JinglePeer = JinglePeer;
