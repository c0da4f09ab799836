// SPDX-License-Identifier: GPL-3.0-or-later
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { CallControl } from "../client/CallState";
import type { Messenger } from "../client/Messenger";
import { Problem } from "../client/problem";
import { WebRTCClient } from "../client/WebRTCClient";
import en from "../i18n/en.json";
import { FakeClock, settle } from "./support";

const CALL = {
  id: "call",
  caller: { id: "other", name: "Other" },
  callee: { id: "me", name: "Me" },
  call_type: "video",
  status: "ringing",
  ice_servers: [],
  ice_transport_policy: "all",
};

const DIRECT = {
  id: "talk",
  type: "direct",
  participants: [{ user: { id: "me", name: "Me" } }, { user: { id: "other", name: "Other" } }],
} as never;

/** A call control whose server, socket and media are here. */
function control() {
  const clock = new FakeClock();
  const listeners = new Map<string, (frame: { payload: unknown }) => void>();
  const log: string[] = [];
  let accept: (call: unknown) => void = () => {};
  const media = {
    isOpen: false,
    hasCamera: true,
    canBlur: false,
    capture: async (): Promise<object> => ({}),
    initializeCall: () => {
      media.isOpen = true;
    },
    createAnswer: async () => {
      if (!media.isOpen) throw new Error("there is no call");
      log.push("answer made");
      return { type: "answer", sdp: "" };
    },
    addIceCandidate: async () => void log.push("candidate taken"),
    endCall: () => void log.push("let go"),
    setMuted: () => {},
    setCamera: () => {},
    createOffer: async () => ({ type: "offer", sdp: "" }),
    restart: async () => ({ type: "offer", sdp: "" }),
    onConnectionState: null as ((state: string) => void) | null,
    become: (state: string) => media.onConnectionState!(state),
  };
  const messenger = {
    state: { getState: () => ({ me: { id: "me" } }) },
    socket: {
      session: "s1",
      on: (type: string, listener: (frame: { payload: unknown }) => void) => listeners.set(type, listener),
      command: async (_: string, payload: { type: string }) => void log.push(`${payload.type} sent`),
      tell: (_type: string, _state: unknown): void => {},
    },
    rest: {
      initiateCall: async (): Promise<unknown> => CALL,
      acceptCall: () => new Promise((resolve) => (accept = resolve)),
      declineCall: async () => void log.push("declined"),
      endCall: async () => void log.push("ended"),
      callStats: async (_id: string, samples: unknown[]) => void log.push(`${samples.length} samples`),
      transferCall: async (_id: string, user: string) => void log.push(`handed to ${user}`),
    },
  };
  const calls = new CallControl(
    messenger as unknown as Messenger,
    () => media as unknown as WebRTCClient,
    clock,
  );
  const say = (type: string, payload: unknown) => listeners.get(type)!({ payload });
  return { calls, media, messenger, say, log, clock, accepted: () => accept({ ...CALL, status: "active" }) };
}

test("an offer that is faster than the answer to accept waits for the connection", async () => {
  const { calls, say, log, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  say("call.signal", { call_id: "call", type: "offer", data: { sdp: "" } });
  say("call.signal", { call_id: "call", type: "ice_candidate", data: {} });
  await settle();
  assert.deepEqual(log, []);
  accepted();
  await settle();
  assert.deepEqual(log, ["answer made", "answer sent", "candidate taken"]);
  assert.equal(calls.state.getState().callStatus, "connecting");
});

test("an offer that is asked for faster than the answer to initiate comes is made", async () => {
  const { calls, messenger, say, log } = control();
  messenger.rest.initiateCall = async () => {
    say("call.offer_needed", { call_id: "call" });
    await settle();
    return CALL;
  };
  await calls.initiate(DIRECT, "audio");
  await settle();
  say("call.offer_needed", { call_id: "call" });
  await settle();
  assert.deepEqual(log, ["offer sent"], "once");
});

test("a call that does not connect in ten seconds is tried once more five later, then over", async () => {
  const { calls, say, log, clock, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await clock.pass(10_000 + 5_000 + 9_999);
  assert.equal(calls.state.getState().callStatus, "connecting");
  await clock.pass(1);
  assert.equal(calls.state.getState().problem, "connectivity");
  assert.ok(log.includes("ended"));
});

test("why a call cannot be is said in the server's words", async () => {
  const { calls, messenger } = control();
  messenger.rest.initiateCall = async () => {
    throw Problem.fromObject({ code: "conflict", error_reason: "offline" } as never, 409);
  };
  const participants = [{ user: { id: "me", name: "Me" } }, { user: { id: "other", name: "Other" } }];
  await calls.initiate({ id: "talk", type: "direct", participants } as never, "audio");
  assert.equal(calls.state.getState().problem, "offline");
  assert.equal(calls.state.getState().peer?.name, "Other", "who it is about is said, too");
});

test("a connection that is lost is tried once more after five seconds, then the call is over", async () => {
  const { calls, media, say, log, clock, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await settle();
  media.become("connected");
  assert.equal(calls.state.getState().callStatus, "active");
  media.become("disconnected");
  await clock.pass(4_000);
  media.become("connected");
  await clock.pass(60_000);
  assert.equal(calls.state.getState().callStatus, "active", "it came back by itself");
  media.become("disconnected");
  await clock.pass(5_000 + 9_999);
  assert.equal(calls.state.getState().callStatus, "active");
  await clock.pass(1);
  assert.equal(calls.state.getState().callStatus, "ended");
  assert.equal(calls.state.getState().problem, "connectivity");
  assert.deepEqual(log.slice(-2), ["let go", "ended"]);
});

test("the caller tries again with new candidates", async () => {
  const { calls, media, log, clock } = control();
  await calls.initiate(DIRECT, "audio");
  media.become("connected");
  media.become("failed");
  await clock.pass(4_999);
  assert.notEqual(log.at(-1), "ice_restart sent");
  await clock.pass(1);
  assert.equal(log.at(-1), "ice_restart sent");
  media.become("connected");
  await clock.pass(60_000);
  assert.equal(calls.state.getState().callStatus, "active");
  assert.equal(clock.waiting, 0);
});

test("a try that has failed is not waited for, and there are no more than two", async () => {
  const { calls, media, log, clock } = control();
  await calls.initiate(DIRECT, "audio");
  media.become("connected");
  media.become("disconnected");
  await clock.pass(3_000);
  media.become("failed");
  await clock.pass(2_000);
  const restarts = () => log.filter((what) => what === "ice_restart sent").length;
  assert.equal(restarts(), 1, "five seconds from when it was lost");
  media.become("connecting");
  media.become("failed");
  await settle();
  assert.equal(calls.state.getState().problem, "connectivity");
  await clock.pass(60_000);
  assert.equal(restarts(), 1);
});

test("a first try that is given up late does not end the second", async () => {
  const { calls, media, clock, log } = control();
  await calls.initiate(DIRECT, "audio");
  media.become("connected");
  media.become("disconnected");
  await clock.pass(5_000);
  assert.equal(log.at(-1), "ice_restart sent");
  media.become("failed");
  await settle();
  assert.equal(calls.state.getState().problem, null);
  media.become("connecting");
  media.become("connected");
  await clock.pass(60_000);
  assert.equal(calls.state.getState().callStatus, "active");
});

test("an end while another try is waited for leaves nothing behind", async () => {
  const { calls, media, log, clock } = control();
  await calls.initiate(DIRECT, "audio");
  media.become("connected");
  media.become("failed");
  await calls.end();
  await clock.pass(60_000);
  assert.ok(!log.includes("ice_restart sent"));
  assert.equal(clock.waiting, 0);
});

test("there is one call: another does not begin, and what rings meanwhile is not shown", async () => {
  const { calls, messenger, say } = control();
  let begun = 0;
  messenger.rest.initiateCall = async () => {
    begun++;
    return CALL;
  };
  await calls.initiate(DIRECT, "audio");
  await calls.initiate(DIRECT, "video");
  say("call.ringing", { call: { ...CALL, id: "second" } });
  assert.equal(begun, 1);
  assert.equal(calls.state.getState().incomingCall, null);
});

test("what does not fit the state of the call changes nothing", async () => {
  const { calls, say, log } = control();
  const before = calls.state.getState();
  await calls.accept();
  await calls.decline();
  calls.toggleMute();
  calls.toggleMute();
  calls.dismiss();
  say("call.answered", { call_id: "other", session_id: "s9", call: { ...CALL, id: "other" } });
  say("call.ended", { call_id: "other", reason: "hangup", call: CALL });
  say("call.state", { call_id: "other", muted: true });
  say("call.remote_ringing", { call_id: "other" });
  await settle();
  assert.deepEqual(calls.state.getState(), before);
  assert.deepEqual(log, []);
});

test("signals that come before anybody wants them are kept within a bound, and go with the call", async () => {
  const { calls, say, log, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  for (let i = 0; i < 1_000; i++) say("call.signal", { call_id: "call", type: "ice_candidate", data: {} });
  accepted();
  await settle();
  for (let i = 0; i < 20; i++) await settle();
  assert.equal(log.filter((what) => what === "candidate taken").length, 128);
});

test("an end, whoever makes it, leaves the state as it was before the call", async () => {
  for (const reason of ["hangup", "cancelled", "timeout"]) {
    const { calls, media, say, log, clock } = control();
    await calls.initiate(DIRECT, "video");
    media.become("connected");
    calls.toggleMute();
    calls.setVolume(3);
    assert.equal(calls.state.getState().volume, 1);
    calls.setVolume(0.2);
    say("call.ended", { call_id: "call", reason, call: CALL });
    const { callStatus, problem, remoteStream, localStream } = calls.state.getState();
    assert.deepEqual([callStatus, remoteStream, localStream], ["ended", null, null]);
    assert.equal(problem, reason === "timeout" ? "timeout" : null);
    assert.ok(log.includes("let go"));
    await clock.pass(9_000);
    const { isMuted, volume, activeCall, ...rest } = calls.state.getState();
    assert.deepEqual(
      [isMuted, volume, activeCall, rest.callStatus, rest.problem],
      [false, 1, null, "idle", null],
    );
  }
});

test("signals that the server refuses end the call, and say so", async () => {
  const { calls, messenger, say } = control();
  await calls.initiate(DIRECT, "audio");
  messenger.socket.command = async () => {
    throw Problem.fromObject({ code: "forbidden" } as never, 403);
  };
  say("call.answered", { call_id: "call", session_id: "s2", call: CALL });
  await settle();
  assert.equal(calls.state.getState().problem, "signalling");
  assert.ok("calls.problem.signalling" in en);
});

test("mute and camera are told to the other side, and its own are shown", async () => {
  const { calls, messenger, say } = control();
  const told: unknown[] = [];
  messenger.socket.tell = (_: string, state: unknown) => void told.push(state);
  await calls.initiate(DIRECT, "video");
  calls.toggleMute();
  calls.toggleCamera();
  assert.deepEqual(told, [
    { call_id: "call", muted: true },
    { call_id: "call", video: false },
  ]);
  say("call.state", { call_id: "call", muted: true });
  assert.equal(calls.state.getState().remote?.muted, true);
  say("call.remote_ringing", { call_id: "call" });
  assert.equal(calls.state.getState().remoteRinging, true);
});

test("another device's answer ends the ringing here", () => {
  const { calls, say } = control();
  say("call.ringing", { call: CALL });
  assert.equal(calls.state.getState().incomingCall?.id, "call");
  say("call.answered", { call_id: "call", session_id: "s2", call: CALL });
  assert.equal(calls.state.getState().incomingCall, null);
  assert.equal(calls.state.getState().callStatus, "idle");
});

test("camera and microphone are given back when a call ends", () => {
  const stopped: string[] = [];
  const stream = (kind: string) =>
    ({ getTracks: () => [{ stop: () => stopped.push(kind) }] }) as unknown as MediaStream;
  const media = new WebRTCClient(new FakeClock());
  media.localStream = stream("own");
  media.remoteStream = stream("other");
  media.endCall();
  assert.deepEqual(stopped, ["own", "other"]);
  assert.equal(media.localStream, null);
});

for (const side of ["caller", "callee"]) {
  test(`who hangs up while the browser asks gives camera and microphone back as ${side}`, async () => {
    const { calls, media, say, log } = control();
    let allow: (stream: object) => void = () => {};
    media.capture = () => new Promise((resolve) => (allow = resolve));
    if (side === "caller")
      void calls.initiate({ id: "talk", type: "direct", participants: [] } as never, "audio");
    else {
      say("call.ringing", { call: CALL });
      void calls.accept();
    }
    await calls.end();
    log.splice(0);
    allow({});
    await settle();
    assert.deepEqual(log, ["let go"], "and nothing is asked of the server");
    assert.equal(calls.state.getState().problem, null);
    assert.equal(calls.state.getState().localStream, null);
  });
}

test("every end of a call that the API names has words", () => {
  const api = readFileSync(join(process.cwd(), "../../docs/api.md"), "utf8");
  const named = /`end_reason` is (.+?); `error_reason`/s.exec(api)![1]!;
  const quiet = ["hangup", "cancelled", "transferred"];
  const reasons = [...named.matchAll(/`(\w+)`/g)].map(([, reason]) => reason!);
  assert.ok(reasons.length > 10);
  for (const reason of reasons) {
    if (!quiet.includes(reason)) assert.ok(`calls.problem.${reason}` in en, reason);
  }
});

const OFFER = {
  call_id: "theirs",
  call_type: "audio",
  status: "offered",
  from: { id: "friend", name: "Friend" },
  to: { id: "me", name: "Me" },
  with: { id: "other", name: "Other" },
};

test("a call that is handed on is taken over as a call of one's own", async () => {
  const { calls, messenger, say, log, accepted } = control();
  say("call.transfer", OFFER);
  assert.equal(calls.state.getState().offered?.with.name, "Other");
  void calls.takeOver();
  await settle();
  assert.deepEqual([calls.state.getState().offered, calls.state.getState().peer?.name], [null, "Other"]);
  accepted();
  await settle();
  assert.equal(calls.state.getState().callStatus, "ringing");
  say("call.answered", { call_id: "call", session_id: messenger.socket.session, call: CALL });
  await settle();
  assert.ok(log.includes("offer sent"), "who takes over is the caller");
});

test("what was offered and is not any more is not shown, and can be declined", async () => {
  const { calls, say, log } = control();
  say("call.transfer", OFFER);
  say("call.transfer", { ...OFFER, status: "withdrawn" });
  assert.equal(calls.state.getState().offered, null);
  say("call.transfer", OFFER);
  await calls.declineOffer();
  assert.deepEqual(log, ["declined"]);
  say("call.transfer", { call_id: "theirs", conversation_id: "talk", from_session: "s2" });
  assert.equal(calls.state.getState().offered, null);
});

test("who stays goes on with the one who has taken over, without a question", async () => {
  const { calls, say, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await settle();
  say("call.ended", { call_id: "call", reason: "transferred", next_call_id: "next", call: CALL });
  assert.equal(calls.state.getState().callStatus, "ended");
  say("call.ringing", { call: { ...CALL, id: "next", replaces: "another" } });
  assert.equal(calls.state.getState().callStatus, "ended", "another's call rings");
  await calls.decline();
  say("call.ringing", { call: { ...CALL, id: "next", replaces: "call" } });
  await settle();
  assert.equal(calls.state.getState().callStatus, "connecting");
});

test("whom one has asked to take over, and what became of that, is said", async () => {
  const { calls, say, log, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await settle();
  await calls.handOn({ id: "third", name: "Third" } as never);
  assert.ok(log.includes("handed to third"));
  assert.equal(calls.state.getState().handing?.status, "offered");
  say("call.transfer", { ...OFFER, call_id: "call", status: "declined" });
  assert.equal(calls.state.getState().handing?.status, "declined");
});

test("how the media was is told fifteen times together, and at the end", async () => {
  const { calls, media, say, log, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await settle();
  const { onQuality } = media as unknown as { onQuality: (quality: object) => void };
  const quality = {
    rtt_ms: 10,
    loss: 0,
    level: 4,
    jitter_ms: null,
    bitrate: 1000.4,
    picture: null,
    codecs: [],
  };
  for (let i = 0; i < 16; i++) onQuality(quality);
  await calls.end();
  assert.deepEqual(
    log.filter((line) => line.endsWith("samples")),
    ["15 samples", "1 samples"],
  );
});
