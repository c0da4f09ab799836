// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";

// Calls of an app user in a page, as docs/api.md has them: REST to begin and end, the chat's socket for what happens and for
// signals, a Peer for the media. The caller rings first and describes when it is answered.
class Phone {
  constructor(chat) {
    this.chat = chat;
    this.told = [];         // [what, detail] in order
    this.work = Promise.resolve();
    this.policy = null;     // an application that does not do as it is told has one of its own
    const note = chat.note.bind(chat);
    chat.note = (event) => {
      note(event);
      this.next(() => this.take(event)).catch((error) => this.told.push(["error", String(error)]));
    };
  }

  // One thing after the other: what comes while a call begins waits until its media is there.
  next(step) {
    const done = this.work.then(step);
    this.work = done.catch(() => {});
    return done;
  }

  async take({ type, payload }) {
    if (type === "error")
      throw new Error(`refused: ${JSON.stringify(payload)}`);
    if (type === "call.ringing" && payload.call.direction === "incoming") {
      this.ringing = payload.call;
      this.told.push(["ringing", payload.call_id]);
    }
    if (!this.call || !payload || payload.call_id !== this.call.id)
      return;
    const asked = type === "call.answered" || type === "call.offer_needed";
    if (asked && this.outgoing && !this.peer.connection.localDescription)
      this.signal("offer", { type: "offer", sdp: await this.peer.offer() });
    else if (type === "call.signal")
      await this.hear(payload);
    else if (type.startsWith("call."))
      this.told.push([type.slice("call.".length), payload]);
  }

  async hear({ type, data }) {
    if (type === "ice_candidate")
      await this.peer.candidate(data);
    else if (type === "answer")
      await this.peer.describe("answer", data.sdp);
    else if (!data)                                            // the other side wishes for new ways
      this.signal("offer", { type: "offer", sdp: await this.peer.offer({ iceRestart: true }) });
    else
      this.signal("answer", { type: "answer", sdp: await this.peer.answer(data.sdp) });
  }

  signal(type, data) {
    this.chat.say("call.signal", { call_id: this.call.id, type, data });
  }

  async ask(path, body) {
    const { status, json } = await this.chat.call("POST", path, body);
    if (status >= 300)
      throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  // The call in which this page is from now on.
  async begin(call, outgoing) {
    this.call = call;
    this.outgoing = outgoing;
    this.peer = new Peer({ iceServers: call.ice_servers, iceTransportPolicy: this.policy || call.ice_transport_policy });
    this.peer.oncandidate = (candidate) => this.signal("ice_candidate", candidate);
    await this.peer.open(call.call_type === "video" ? ["audio", "video"] : ["audio"]);
    return call;
  }

  ring(conversation, type) {
    const wish = { conversation_id: conversation, call_type: type, session_id: this.session() };
    return this.next(async () => this.begin(await this.ask("/api/calls/initiate", wish), true));
  }

  accept() {
    const path = `/api/calls/${this.ringing.id}/accept`;
    return this.next(async () => this.begin(await this.ask(path, { session_id: this.session() }), false));
  }

  session() {
    return this.chat.events.find(({ type }) => type === "hello").payload.session;
  }

  decline() {
    return this.ask(`/api/calls/${this.ringing.id}/decline`, {});
  }

  end() {
    return this.ask(`/api/calls/${this.call.id}/end`, {});
  }

  state(state) {
    return this.ask(`/api/calls/${this.call.id}/state`, state);
  }

  // A picture in a call that had none.
  async upgrade() {
    await this.peer.add("video");
    this.signal("offer", { type: "offer", sdp: await this.peer.offer() });
  }

  async restart() {
    this.signal("ice_restart", { type: "offer", sdp: await this.peer.offer({ iceRestart: true }) });
  }

  // Until something was told, or an error was.
  async until(what) {
    for (;;) {
      const found = this.told.findIndex(([name]) => name === what || name === "error");
      if (found >= 0) {
        const [name, detail] = this.told.splice(found, 1)[0];
        if (name === "error")
          throw new Error(detail);
        return detail;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  // Until the connection is there, and then so much of each kind has arrived.
  async flows(wanted) {
    for (let patience = 60000; ; patience -= 20) {
      const { connectionState, iceConnectionState, signalingState } = this.peer ? this.peer.connection : {};
      if (connectionState === "connected")
        return this.peer.flows(wanted);
      if (patience <= 0 || this.told.some(([name]) => name === "error" || name === "ended"))
        throw new Error(`not connected: ${JSON.stringify([connectionState, iceConnectionState, signalingState, this.told])}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  forget() {
    if (this.peer)
      this.peer.close();
    this.call = this.ringing = this.peer = null;
    this.told = [];
  }
}
window.Phone = Phone;
