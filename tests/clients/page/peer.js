// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";

// One side of a call as a page has it: its media, its RTCPeerConnection, and what has arrived. It knows nothing of how
// descriptions and candidates travel; whoever uses it carries them.
class Peer {
  constructor(configuration = {}) {
    this.candidates = [];   // as RTCIceCandidate has them, to be carried to the other side
    this.oncandidate = (candidate) => this.candidates.push(candidate);
    this.early = [];        // candidates that came before the description
    this.failures = [];
    this.connection = new RTCPeerConnection({ bundlePolicy: "balanced", ...configuration });
    this.connection.onicecandidate = ({ candidate }) => candidate && this.oncandidate(candidate.toJSON());
    this.connection.onicecandidateerror = (event) => this.failures.push(`${event.url} ${event.errorCode} ${event.errorText}`);
    this.connection.ontrack = ({ track }) => this.play(track);
  }

  // Nothing is decoded that nobody plays.
  play(track) {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    element.muted = element.autoplay = element.playsInline = true;
    document.body.append(element);
  }

  // Audio first, then video; before the description, so that candidates are told as they are.
  async open(kinds) {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: kinds.includes("audio"), video: kinds.includes("video") });
    for (const track of [...this.stream.getAudioTracks(), ...this.stream.getVideoTracks()])
      this.connection.addTrack(track, this.stream);
  }

  // One medium more, in a call that runs.
  async add(kind) {
    const more = await navigator.mediaDevices.getUserMedia({ [kind]: true });
    for (const track of more.getTracks()) {
      this.stream.addTrack(track);
      this.connection.addTrack(track, this.stream);
    }
  }

  async offer(options = {}) {
    await this.connection.setLocalDescription(await this.connection.createOffer(options));
    return this.connection.localDescription.sdp;
  }

  async answer(sdp) {
    await this.describe("offer", sdp);
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    return this.connection.localDescription.sdp;
  }

  async describe(type, sdp) {
    await this.connection.setRemoteDescription({ type, sdp });
    for (const candidate of this.early.splice(0))
      await this.connection.addIceCandidate(candidate);
  }

  async candidate(candidate) {
    if (this.connection.remoteDescription)
      await this.connection.addIceCandidate(candidate);
    else
      this.early.push(candidate);
  }

  taken() {
    return this.candidates.splice(0);
  }

  // What has arrived so far, and by which way: {audio: packets, video: decoded frames, pairs: [[own, other], …],
  // transports: how many are secured}.
  async arrived() {
    const all = new Map();
    for (const [id, one] of await this.connection.getStats())
      all.set(id, one);
    const sum = { audio: 0, video: 0, sent: { audio: 0, video: 0 }, pairs: [], transports: 0, state: this.connection.connectionState,
      failures: this.failures };
    for (const one of all.values()) {
      const kind = one.kind || one.mediaType;
      if (one.type === "inbound-rtp")
        sum[kind] += kind === "video" ? one.framesDecoded || 0 : one.packetsReceived || 0;
      if (one.type === "outbound-rtp")
        sum.sent[kind] += one.packetsSent || 0;
      if (one.type === "transport")
        sum.transports += one.dtlsState === "connected";
      if (one.type === "candidate-pair" && one.nominated && one.state === "succeeded")
        sum.pairs.push([one.localCandidateId, one.remoteCandidateId].map((id) => {
          const { candidateType, address, ip, protocol } = all.get(id) || {};
          return { type: candidateType, address: address || ip, protocol };
        }));
    }
    return sum;
  }

  // Until so much of each kind has arrived since now.
  async flows(wanted) {
    const before = await this.arrived();
    for (let patience = 60000; ; patience -= 50) {
      const now = await this.arrived();
      if (Object.entries(wanted).every(([kind, count]) => now[kind] - before[kind] >= count))
        return now;
      if (patience <= 0 || now.state === "failed" || now.state === "closed")
        throw new Error(`it does not flow: ${JSON.stringify([before, now])}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  close() {
    this.connection.close();
    for (const track of this.stream ? this.stream.getTracks() : [])
      track.stop();
    for (const element of document.querySelectorAll("audio, video"))
      element.remove();
  }
}
window.Peer = Peer;
