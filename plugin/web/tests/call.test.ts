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

/** A call control whose server, socket and media are here. */
function control() {
  const clock = new FakeClock();
  const listeners = new Map<string, (frame: { payload: unknown }) => void>();
  const log: string[] = [];
  let accept: (call: unknown) => void = () => {};
  const media = {
    isOpen: false,
    hasCamera: true,
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
  };
  const messenger = {
    state: { getState: () => ({ me: { id: "me" } }) },
    socket: {
      session: "s1",
      on: (type: string, listener: (frame: { payload: unknown }) => void) => listeners.set(type, listener),
      command: async (_: string, payload: { type: string }) => void log.push(`${payload.type} sent`),
      tell: () => {},
    },
    rest: {
      initiateCall: async (): Promise<unknown> => CALL,
      acceptCall: () => new Promise((resolve) => (accept = resolve)),
      declineCall: async () => void log.push("declined"),
      endCall: async () => void log.push("ended"),
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

test("a call that does not connect is tried once more, then over", async () => {
  const { calls, say, log, clock, accepted } = control();
  say("call.ringing", { call: CALL });
  void calls.accept();
  await settle();
  accepted();
  await clock.pass(19_999);
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
