// SPDX-License-Identifier: GPL-3.0-or-later
// The media of a call, with a peer connection and devices that are here.
import assert from "node:assert/strict";
import test from "node:test";
import {
  type MediaProblem,
  mediaProblem,
  type Quality,
  readStatistics,
  WebRTCClient,
} from "../client/WebRTCClient";
import { FakeClock, settle } from "./support";

class FakeTrack extends EventTarget {
  enabled = true;
  stopped = 0;
  constructor(readonly kind: string) {
    super();
  }
  stop() {
    this.stopped++;
  }
}

class FakeStream {
  constructor(readonly tracks: FakeTrack[] = []) {}
  getTracks = () => this.tracks;
  getAudioTracks = () => this.tracks.filter(({ kind }) => kind === "audio");
  getVideoTracks = () => this.tracks.filter(({ kind }) => kind === "video");
  addTrack = (track: FakeTrack) => void this.tracks.push(track);
  removeTrack = (track: FakeTrack) => void this.tracks.splice(this.tracks.indexOf(track), 1);
}

class FakeSender {
  parameters = { encodings: [{}] as { maxBitrate?: number; active?: boolean }[] };
  constructor(public track: FakeTrack | null) {}
  getParameters = () => this.parameters;
  setParameters = async (parameters: FakeSender["parameters"]) => {
    this.parameters = parameters;
  };
  replaceTrack = async (track: FakeTrack | null) => {
    this.track = track;
  };
}

class FakeConnection {
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: { streams: unknown[]; track: FakeTrack }) => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  connectionState = "new";
  iceGatheringState = "new";
  remoteDescription: unknown = null;
  localDescription: unknown = null;
  log: string[] = [];
  senders: FakeSender[] = [];
  statistics: object[] = [];
  isClosed = false;
  constructor(readonly configuration: RTCConfiguration) {
    made.push(this);
  }
  addTrack(track: FakeTrack) {
    this.senders.push(new FakeSender(track));
  }
  getSenders = () => this.senders;
  getTransceivers = () =>
    this.senders.map((sender, i) => ({ sender, receiver: { track: { kind: i === 0 ? "audio" : "video" } } }));
  async createOffer(options: RTCOfferOptions) {
    this.log.push(options.iceRestart ? "restart" : "offer");
    return { type: "offer" };
  }
  createAnswer = async () => ({ type: "answer" });
  setLocalDescription = async (description: unknown) => {
    this.localDescription = description;
  };
  setRemoteDescription = async (description: unknown) => {
    this.log.push("described");
    this.remoteDescription = description;
  };
  addIceCandidate = async (candidate: { candidate: string }) => {
    this.log.push(candidate.candidate);
    if (candidate.candidate === "stale") throw new Error("of another description");
  };
  getStats = async () => this.statistics;
  close() {
    this.isClosed = true;
  }
  gathers(state: string) {
    this.iceGatheringState = state;
    this.onicegatheringstatechange?.();
  }
  become(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

let made: FakeConnection[] = [];
let asked: MediaStreamConstraints[] = [];
type Devices = (wanted: MediaStreamConstraints) => FakeStream;
const both: Devices = ({ audio, video }) =>
  new FakeStream([...(audio ? [new FakeTrack("audio")] : []), ...(video ? [new FakeTrack("video")] : [])]);

/** A client in a browser with DEVICES. */
function browser(devices: Devices = both) {
  made = [];
  asked = [];
  const screen = new FakeStream([new FakeTrack("video")]);
  const mediaDevices = {
    getUserMedia: async (wanted: MediaStreamConstraints) => {
      asked.push(wanted);
      return devices(wanted);
    },
    getDisplayMedia: async () => screen,
  };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
  Object.assign(globalThis, { RTCPeerConnection: FakeConnection, MediaStream: FakeStream });
  const clock = new FakeClock();
  return { client: new WebRTCClient(clock), clock, screen };
}

/** One with a call that has begun. */
async function begun(kind: "audio" | "video" = "video") {
  const all = browser();
  const own = (await all.client.capture(kind)) as unknown as FakeStream;
  all.client.initializeCall({ iceServers: [{ urls: "stun:x" }], iceTransportPolicy: "relay" });
  return { ...all, own, connection: made[0]! };
}

const refused = (name: string): Devices => {
  throw Object.assign(new Error(name), { name });
};

test("a picture is asked for small and slow, sound with what makes it clear", async () => {
  const { client } = browser();
  await client.capture("video");
  const [{ audio, video }] = asked as [{ audio: MediaTrackConstraints; video: MediaTrackConstraints }];
  assert.deepEqual(
    [audio.echoCancellation, audio.noiseSuppression, audio.autoGainControl],
    [true, true, true],
  );
  assert.deepEqual(
    [video.width, video.height, video.frameRate],
    [{ ideal: 640 }, { ideal: 480 }, { ideal: 15 }],
  );
  await client.capture("audio");
  assert.equal(asked[1]!.video, false);
});

test("a device that was chosen is the one that is asked for", async () => {
  const { client } = browser();
  await client.capture("video", { audio: "headset", video: "desk" });
  assert.equal((asked[0]!.audio as MediaTrackConstraints).deviceId, "headset");
  assert.equal((asked[0]!.video as MediaTrackConstraints).deviceId, "desk");
});

test("without a camera a call goes on by sound", async () => {
  const { client } = browser((wanted) => (wanted.video ? refused("NotFoundError")(wanted) : both(wanted)));
  const stream = await client.capture("video");
  assert.deepEqual([stream.getAudioTracks().length, stream.getVideoTracks().length], [1, 0]);
  assert.equal(client.hasCamera, false);
});

test("why there is no microphone has a name for each reason", async () => {
  const reasons = {
    NotAllowedError: "denied",
    SecurityError: "denied",
    NotFoundError: "not_found",
    OverconstrainedError: "not_found",
    NotReadableError: "in_use",
    AbortError: "in_use",
    TypeError: "failed",
  };
  for (const [name, reason] of Object.entries(reasons)) {
    for (const kind of ["audio", "video"] as const) {
      const { client } = browser(() => refused(name)({}));
      await assert.rejects(client.capture(kind), (error: MediaProblem) => error.reason === reason, name);
    }
  }
  browser();
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  assert.equal(WebRTCClient.isSupported, false);
  await assert.rejects(new WebRTCClient().capture("audio"), { reason: "unsupported" });
});

test("a connection has the server's helpers and the own tracks, and tells what becomes of it", async () => {
  const { client, connection, own } = await begun();
  assert.equal(connection.configuration.iceTransportPolicy, "relay");
  assert.deepEqual(
    connection.senders.map(({ track }) => track),
    own.tracks,
  );
  const told: unknown[] = [];
  client.onIceCandidate = (candidate) => told.push(candidate);
  client.onConnectionState = (state) => told.push(state);
  client.onRemoteStream = (stream) => told.push(stream.getTracks().length);
  connection.onicecandidate!({ candidate: "one" });
  connection.onicecandidate!({ candidate: null });
  connection.ontrack!({ streams: [], track: new FakeTrack("audio") });
  connection.ontrack!({ streams: [], track: new FakeTrack("video") });
  connection.become("connecting");
  assert.deepEqual(told, ["one", 1, 2, "connecting"]);
});

test("an offer is described before it is handed out, an answer likewise", async () => {
  const { client, connection } = await begun();
  assert.deepEqual(await client.createOffer(), { type: "offer" });
  assert.deepEqual(connection.localDescription, { type: "offer" });
  await client.handleAnswer({ type: "answer", sdp: "theirs" });
  assert.deepEqual(connection.remoteDescription, { type: "answer", sdp: "theirs" });
  assert.deepEqual(await client.createAnswer({ type: "offer", sdp: "again" }), { type: "answer" });
  await client.restart();
  assert.deepEqual(connection.log, ["offer", "described", "described", "restart"]);
});

test("candidates that come before their description wait for it, in order; stale ones do no harm", async () => {
  const { client, connection } = await begun();
  for (const candidate of ["one", "stale", "two"]) await client.addIceCandidate({ candidate });
  assert.deepEqual(connection.log, []);
  await client.handleAnswer({ type: "answer", sdp: "" });
  await client.addIceCandidate({ candidate: "three" });
  assert.deepEqual(connection.log, ["described", "one", "stale", "two", "three"]);
});

test("candidates are told for five seconds, and for five more after a restart", async () => {
  const { client, connection, clock } = await begun();
  const told: unknown[] = [];
  client.onIceCandidate = (candidate) => told.push(candidate);
  const find = (candidate: string) => connection.onicecandidate!({ candidate });
  await client.createOffer();
  connection.gathers("gathering");
  find("host");
  await clock.pass(4_999);
  find("relay");
  await clock.pass(1);
  find("late");
  assert.deepEqual(told, ["host", "relay"]);
  await client.restart();
  connection.gathers("gathering");
  find("again");
  connection.gathers("complete");
  assert.deepEqual(told, ["host", "relay", "again"]);
  assert.equal(clock.waiting, 0, "what is complete is not waited for");
});

test("a candidate that is late is told if there is no other", async () => {
  const { client, connection, clock } = await begun();
  const told: unknown[] = [];
  client.onIceCandidate = (candidate) => told.push(candidate);
  connection.gathers("gathering");
  await clock.pass(7_000);
  connection.onicecandidate!({ candidate: "relay" });
  connection.onicecandidate!({ candidate: "another" });
  assert.deepEqual(told, ["relay"]);
  connection.gathers("gathering");
  client.endCall();
  assert.equal(clock.waiting, 0);
});

test("mute and camera turn the tracks, and nothing else", async () => {
  const { client, own } = await begun();
  client.setMuted(true);
  assert.deepEqual(
    own.tracks.map(({ enabled }) => enabled),
    [false, true],
  );
  client.setCamera(false);
  client.setMuted(false);
  assert.deepEqual(
    own.tracks.map(({ enabled }) => enabled),
    [true, false],
  );
});

test("another microphone takes the place of the first, muted as that was", async () => {
  const { client, own, connection } = await begun();
  client.setMuted(true);
  const [old] = own.tracks as [FakeTrack];
  await client.switchDevice("audio", "headset");
  const now = own.getAudioTracks()[0]!;
  assert.notEqual(now, old);
  assert.deepEqual([old.stopped, now.enabled, connection.senders[0]!.track], [1, false, now]);
  assert.equal(own.tracks.length, 2);
});

test("the screen is shown in place of the camera, until that ends", async () => {
  const { client, own, connection, screen } = await begun();
  let ended = 0;
  await client.shareScreen(() => ended++);
  assert.equal(connection.senders[1]!.track, screen.tracks[0]);
  screen.tracks[0]!.dispatchEvent(new Event("ended"));
  assert.equal(ended, 1, "the person ended it in the browser");
  await client.stopScreen();
  assert.equal(connection.senders[1]!.track, own.tracks[1]);
  assert.equal(screen.tracks[0]!.stopped, 1);
});

test("quality is read every two seconds, and a bad line gets a smaller picture and at last none", async () => {
  const { client, clock, connection } = await begun();
  const told: Quality[] = [];
  client.onQuality = (quality) => told.push(quality);
  const line = (rtt: number, lost: number, received: number) => {
    connection.statistics = [
      { type: "candidate-pair", nominated: true, currentRoundTripTime: rtt },
      { type: "inbound-rtp", packetsLost: lost, packetsReceived: received },
      { type: "codec" },
    ];
  };
  const encoding = () => connection.senders[1]!.parameters.encodings[0]!;
  line(0.05, 0, 100);
  connection.become("connected");
  await settle();
  const summary = ({ rtt_ms, loss, level }: Quality) => ({ rtt_ms, loss, level });
  assert.deepEqual(told.map(summary), [{ rtt_ms: 50, loss: 0, level: 4 }]);
  assert.equal(encoding().maxBitrate, undefined);
  line(0.5, 4, 196);
  await clock.pass(2_000);
  assert.deepEqual(
    summary(told[1]!),
    { rtt_ms: 500, loss: 0.04, level: 2 },
    "what was lost since the last time",
  );
  assert.deepEqual([encoding().maxBitrate, encoding().active], [300_000, true]);
  line(0.5, 104, 296);
  await clock.pass(2_000);
  assert.equal(told[2]!.level, 0);
  assert.equal(encoding().active, false, "sound comes first");
  line(0.05, 104, 400);
  await clock.pass(2_000);
  assert.deepEqual([encoding().maxBitrate, encoding().active], [undefined, true]);
  client.endCall();
  await clock.pass(60_000);
  assert.equal(told.length, 4);
  assert.equal(clock.waiting, 0);
});

test("an end lets go of everything at once, and what comes after it finds nobody", async () => {
  const { client, own, connection, screen } = await begun();
  connection.ontrack!({ streams: [new FakeStream([new FakeTrack("video")])], track: new FakeTrack("audio") });
  await client.shareScreen(() => {});
  const theirs = client.remoteStream as unknown as FakeStream;
  client.endCall();
  for (const track of [...own.tracks, ...theirs.tracks, ...screen.tracks]) assert.equal(track.stopped, 1);
  assert.deepEqual([client.localStream, client.remoteStream, connection.isClosed], [null, null, true]);
  assert.deepEqual(
    [
      connection.onicecandidate,
      connection.onconnectionstatechange,
      connection.onicegatheringstatechange,
      connection.ontrack,
    ],
    [null, null, null, null],
  );
  await client.addIceCandidate({ candidate: "late" });
  assert.deepEqual(connection.log, []);
  await assert.rejects(client.createOffer(), /no call/);
  client.endCall();
});

test("a second call has a connection of its own", async () => {
  const { client, connection } = await begun();
  client.initializeCall({});
  assert.equal(connection.isClosed, true);
  assert.equal(made.length, 2);
});

test("what the browser says of a connection is put together", () => {
  const entries = [
    { id: "p", type: "candidate-pair", nominated: true, currentRoundTripTime: 0.0421 },
    {
      id: "a",
      type: "inbound-rtp",
      packetsReceived: 90,
      packetsLost: 10,
      bytesReceived: 1000,
      jitter: 0.004,
      codecId: "o",
    },
    {
      id: "v",
      type: "inbound-rtp",
      packetsReceived: 10,
      bytesReceived: 500,
      jitter: 0.02,
      frameWidth: 640,
      frameHeight: 480,
      framesPerSecond: 14.9,
      codecId: "x",
    },
    { id: "o", type: "codec", mimeType: "audio/opus" },
    { id: "x", type: "codec", mimeType: "video/VP8" },
  ];
  assert.deepEqual(readStatistics(entries), {
    rtt_ms: 42,
    jitter_ms: 20,
    lost: 10,
    received: 100,
    bytes: 1500,
    picture: "640×480, 15/s",
    codecs: ["audio/opus", "video/VP8"],
  });
  assert.equal(readStatistics([]).rtt_ms, null);
});

test("what the system refuses is told from what the person refuses", () => {
  const refused = (name: string, message: string) => mediaProblem(new DOMException(message, name)).reason;
  assert.equal(refused("NotAllowedError", "Permission denied by system"), "system");
  assert.equal(refused("NotAllowedError", "Permission denied"), "denied");
  assert.equal(refused("NotReadableError", "Could not start video source"), "in_use");
  assert.equal(mediaProblem(null).reason, "failed");
});
