// SPDX-License-Identifier: GPL-3.0-or-later
// The one call that there can be: what it is, and what to do about it. The server rings, WebRTCClient carries the media.
import { createStore, type StoreApi } from "zustand/vanilla";
import { type Clock, systemClock } from "./clock";
import { otherOf } from "./MessagingState";
import type { Messenger } from "./Messenger";
import { Problem } from "./problem";
import type { Call, CallBegun, CallOffer, CallSample, Conversation, User } from "./types";
import { MediaProblem, type Quality, WebRTCClient } from "./WebRTCClient";

export type CallPhase = "idle" | "initiating" | "ringing" | "connecting" | "active" | "ended";

export type CallState = {
  activeCall: Call | null;
  incomingCall: Call | null;
  /** Who the call is with, from before it begins until what is said of its end goes away. */
  peer: User | null;
  callStatus: CallPhase;
  isMuted: boolean;
  isCameraOff: boolean;
  isSharing: boolean;
  volume: number; // 0 to 1
  speaker: string; // id of the device that plays; "": the system's
  localStream: MediaStream | null;
  remoteStream: MediaStream | null;
  connectionState: RTCPeerConnectionState | null;
  remoteRinging: boolean;
  remote: { muted: boolean; video: boolean; screen: boolean; on_hold: boolean } | null;
  quality: Quality | null;
  /** Whether the system can blur what is behind the person, and does. */
  canBlur: boolean;
  isBlurred: boolean;
  /** Somebody asks to go on with their call. */
  offered: CallOffer | null;
  /** Whom one has asked to take the call over, and what became of it. */
  handing: { to: User; status: CallOffer["status"] } | null;
  connectedAt: number | null;
  /** Why it ended or could not begin: a key of the texts below "calls.problem". */
  problem: string | null;
};

export type CallStore = StoreApi<CallState>;
export type CallMaker = () => WebRTCClient;

const IDLE: CallState = {
  activeCall: null,
  incomingCall: null,
  peer: null,
  callStatus: "idle",
  isMuted: false,
  isCameraOff: false,
  isSharing: false,
  volume: 1,
  speaker: "",
  localStream: null,
  remoteStream: null,
  connectionState: null,
  remoteRinging: false,
  remote: null,
  quality: null,
  canBlur: false,
  isBlurred: false,
  offered: null,
  handing: null,
  connectedAt: null,
  problem: null,
};

const CONNECT_WITHIN = 10_000;
const RETRY_AFTER = 5_000;
const SHOW_END = 3_000;
const WAITING_MAX = 128; // signals
const SAMPLES = 15; // of the quality, told together

type Signal = { call_id: string; type: "offer" | "answer" | "ice_candidate" | "ice_restart"; data: unknown };
type News = {
  call_id: string;
  reason: string | null;
  session_id: string | null;
  call: Call;
  next_call_id?: string;
};

export class CallControl {
  readonly state: CallStore = createStore<CallState>(() => IDLE);
  private media: WebRTCClient | null = null;
  private isCaller = false;
  private offered = false;
  private timer: unknown = null;
  private samples: CallSample[] = [];
  private follows: { call: string; withVideo: boolean } | null = null; // the call that was handed on
  private retried = false;
  private isTrying = false; // the connection has begun to connect since then
  private isWaiting = false; // for the time of another try
  private isReady = false; // there is a connection that signals can be about
  private wantsOffer: string | null = null; // the call whose offer was asked for before that
  private waitingSignals: Signal[] = []; // they came before that: the socket may be faster than the answer to accept

  constructor(
    private readonly messenger: Messenger,
    private readonly makeMedia: CallMaker = () => new WebRTCClient(),
    private readonly clock: Clock = systemClock,
  ) {
    const { socket } = messenger;
    socket.on("call.ringing", ({ payload }) => this.rings((payload as News).call));
    socket.on("call.remote_ringing", ({ payload }) => {
      if (this.isOurs(payload)) this.state.setState({ remoteRinging: true });
    });
    socket.on("call.offer_needed", ({ payload }) => {
      if (!this.isReady) this.wantsOffer = (payload as { call_id: string }).call_id;
      else if (this.isOurs(payload)) void this.offer().catch(() => this.fail("media"));
    });
    socket.on("call.answered", ({ payload }) => void this.answered(payload as News));
    socket.on("call.declined", ({ payload }) => this.over(payload as News));
    socket.on("call.ended", ({ payload }) => this.over(payload as News));
    socket.on("call.signal", ({ payload }) => void this.signalled(payload as Signal));
    socket.on("call.transfer", ({ payload }) => this.handed(payload as CallOffer));
    socket.on("call.state", ({ payload }) => {
      if (this.isOurs(payload))
        this.state.setState({
          remote: { ...NO_STATE, ...this.state.getState().remote, ...(payload as object) },
        });
    });
  }

  private isOurs(payload: unknown): boolean {
    return (payload as { call_id: string }).call_id === this.state.getState().activeCall?.id;
  }

  private get isBusy(): boolean {
    return !["idle", "ended"].includes(this.state.getState().callStatus);
  }

  /** Calls the other one of a conversation of two. */
  async initiate(conversation: Conversation, kind: "audio" | "video"): Promise<void> {
    if (this.isBusy) return;
    const peer = otherOf(conversation, this.messenger.state.getState().me);
    await this.call(peer, kind, (session) =>
      this.messenger.rest.initiateCall(conversation.id, kind, session),
    );
  }

  /** Begins a call with PEER, which MAKE tells the server of. */
  private async call(
    peer: User | null,
    kind: "audio" | "video",
    make: (session: string | undefined) => Promise<CallBegun>,
  ): Promise<void> {
    this.isCaller = true;
    this.begin({ peer, callStatus: "initiating", isCameraOff: kind === "audio" });
    const media = this.makeMedia();
    this.media = media;
    try {
      if (!(await this.prepare(media, kind))) return;
      const begun = await make(this.messenger.socket.session ?? undefined);
      if (this.media !== media) {
        await this.messenger.rest.endCall(begun.id).catch(() => {}); // hung up meanwhile
        return;
      }
      this.connect(begun as never);
      this.state.setState({ activeCall: begun as Call, callStatus: "ringing" });
      await this.takeWaiting();
      if (begun.status === "declined") this.finish("busy");
    } catch (error) {
      if (this.media === media) this.finish(reasonOf(error));
    }
  }

  async accept(withVideo = true): Promise<void> {
    const call = this.state.getState().incomingCall;
    if (!call) return;
    this.isCaller = false;
    const kind = call.call_type === "video" && withVideo ? "video" : "audio";
    this.begin({
      activeCall: call,
      peer: call.caller,
      incomingCall: null,
      callStatus: "connecting",
      isCameraOff: kind === "audio",
    });
    const media = this.makeMedia();
    this.media = media;
    try {
      if (!(await this.prepare(media, kind))) return;
      const begun = await this.messenger.rest.acceptCall(call.id, this.messenger.socket.session ?? undefined);
      if (this.media !== media) {
        await this.messenger.rest.endCall(begun.id).catch(() => {}); // hung up meanwhile
        return;
      }
      this.connect(begun as never);
      this.state.setState({ activeCall: begun as Call });
      this.expectConnection();
      await this.takeWaiting();
    } catch (error) {
      if (this.media !== media) return;
      await this.messenger.rest.declineCall(call.id).catch(() => {});
      if (this.media === media) this.finish(reasonOf(error));
    }
  }

  async decline(): Promise<void> {
    const call = this.state.getState().incomingCall;
    this.state.setState({ incomingCall: null });
    if (call) await this.messenger.rest.declineCall(call.id).catch(() => {});
  }

  async end(): Promise<void> {
    const call = this.state.getState().activeCall;
    this.finish(null);
    if (call) await this.messenger.rest.endCall(call.id).catch(() => {});
  }

  /** Asks somebody else to take one's place in the call. */
  async handOn(user: User): Promise<void> {
    const call = this.state.getState().activeCall;
    if (!call) return;
    await this.messenger.rest.transferCall(call.id, user.id);
    this.state.setState({ handing: { to: user, status: "offered" } });
  }

  private handed(offer: CallOffer): void {
    if (!offer.status) return; // to another of one's own devices: this one has not asked
    const { offered, handing } = this.state.getState();
    if (this.isOurs(offer)) {
      if (handing) this.state.setState({ handing: { ...handing, status: offer.status } });
    } else if (offer.status === "offered") {
      if (!this.isBusy && !offered) this.state.setState({ offered: offer });
    } else if (offered?.call_id === offer.call_id) this.state.setState({ offered: null });
  }

  /** Goes on with a call in place of who has asked: it rings at the one who stays. */
  async takeOver(withVideo = true): Promise<void> {
    const { offered } = this.state.getState();
    if (!offered) return;
    const kind = offered.call_type === "video" && withVideo ? "video" : "audio";
    await this.call(offered.with, kind, (session) =>
      this.messenger.rest.acceptCall(offered.call_id, session),
    );
  }

  async declineOffer(): Promise<void> {
    const { offered } = this.state.getState();
    this.state.setState({ offered: null });
    if (offered) await this.messenger.rest.declineCall(offered.call_id).catch(() => {});
  }

  async toggleBlur(): Promise<void> {
    const isBlurred = !this.state.getState().isBlurred;
    await this.media?.setBlur(isBlurred);
    this.state.setState({ isBlurred });
  }

  toggleMute(): void {
    const isMuted = !this.state.getState().isMuted;
    this.media?.setMuted(isMuted);
    this.state.setState({ isMuted });
    this.tell({ muted: isMuted });
  }

  toggleCamera(): void {
    const isCameraOff = !this.state.getState().isCameraOff;
    this.media?.setCamera(!isCameraOff);
    this.state.setState({ isCameraOff });
    this.tell({ video: !isCameraOff });
  }

  async toggleScreen(): Promise<void> {
    const { media } = this;
    if (!media) return;
    try {
      if (this.state.getState().isSharing) await media.stopScreen();
      else await media.shareScreen(() => void this.toggleScreen());
      if (this.media !== media) return;
      this.state.setState((state) => ({ isSharing: !state.isSharing }));
      this.tell({ screen: this.state.getState().isSharing });
    } catch (error) {
      if (this.media === media) this.state.setState({ problem: reasonOf(error) });
    }
  }

  setVolume(volume: number): void {
    this.state.setState({ volume: Math.min(1, Math.max(0, volume)) });
  }

  setSpeaker(device: string): void {
    this.state.setState({ speaker: device });
  }

  switchDevice(kind: "audio" | "video", device: string): Promise<void> {
    return this.media?.switchDevice(kind, device) ?? Promise.resolve();
  }

  /** What is said of an ended call goes away. */
  dismiss(): void {
    const { incomingCall, offered, speaker } = this.state.getState();
    if (!this.isBusy) this.state.setState({ ...IDLE, incomingCall, offered, speaker });
  }

  // ---- The way of a call

  private begin(change: Partial<CallState>): void {
    this.stopTimer();
    this.offered = this.retried = this.isReady = false;
    this.samples = [];
    this.follows = null;
    const { speaker } = this.state.getState();
    this.state.setState({ ...IDLE, incomingCall: null, speaker, ...change });
  }

  /** False: the person hung up, or the other side did, while the browser asked. */
  private async prepare(media: WebRTCClient, kind: "audio" | "video"): Promise<boolean> {
    const localStream = await media.capture(kind);
    if (this.media !== media) {
      media.endCall();
      return false;
    }
    const isCameraOff = kind === "audio" || !media.hasCamera;
    this.state.setState({ localStream, isCameraOff, canBlur: media.canBlur });
    return true;
  }

  private connect(servers: {
    ice_servers: RTCIceServer[];
    ice_transport_policy: RTCIceTransportPolicy;
  }): void {
    const media = this.media!;
    media.initializeCall({
      iceServers: servers.ice_servers,
      iceTransportPolicy: servers.ice_transport_policy,
    });
    media.onIceCandidate = (candidate) => this.signal("ice_candidate", candidate.toJSON());
    media.onRemoteStream = (remoteStream) => this.state.setState({ remoteStream });
    media.onConnectionState = (state) => this.connectionChanged(state);
    media.onQuality = (quality) => {
      this.state.setState({ quality });
      this.note(quality);
      this.tell({ quality: { rtt_ms: quality.rtt_ms ?? 0, loss: quality.loss, level: quality.level } });
    };
  }

  /** How the media was is told to the server now and then, for a look at it afterwards. */
  private note(quality: Quality): void {
    const { rtt_ms, jitter_ms, loss, bitrate } = quality;
    this.samples.push({
      at: new Date(this.clock.now()).toISOString(),
      loss,
      ...(rtt_ms === null ? {} : { rtt_ms }),
      ...(jitter_ms === null ? {} : { jitter_ms }),
      ...(bitrate === null ? {} : { bitrate: Math.round(bitrate) }),
    });
    if (this.samples.length >= SAMPLES) this.tellSamples();
  }

  private tellSamples(): void {
    const call = this.state.getState().activeCall;
    const samples = this.samples.splice(0);
    if (call && samples.length > 0) void this.messenger.rest.callStats(call.id, samples).catch(() => {});
  }

  private async offer(): Promise<void> {
    if (this.offered || !this.media) return;
    this.offered = true;
    this.signal("offer", await this.media.createOffer());
  }

  private signal(type: Signal["type"], data: unknown): void {
    const call = this.state.getState().activeCall;
    if (!call) return;
    void this.messenger.socket.command("call.signal", { call_id: call.id, type, data }).catch((error) => {
      if (error instanceof Problem && !error.isTemporary) this.fail("signalling");
    });
  }

  private tell(state: Record<string, unknown>): void {
    const call = this.state.getState().activeCall;
    if (call) this.messenger.socket.tell("call.state", { call_id: call.id, ...state });
  }

  private rings(call: Call): void {
    if (call.caller.id === this.messenger.state.getState().me?.id) return;
    if (this.isBusy || this.state.getState().incomingCall) return; // the server has told the caller so already
    this.waitingSignals = [];
    this.wantsOffer = null;
    this.state.setState({ incomingCall: call, problem: null });
    // The one whom one talked to has handed the call on: it goes on without a question.
    if (call.replaces && call.replaces === this.follows?.call) void this.accept(this.follows.withVideo);
  }

  private async answered(news: News): Promise<void> {
    const { incomingCall } = this.state.getState();
    if (incomingCall?.id === news.call_id && news.session_id !== this.messenger.socket.session) {
      this.state.setState({ incomingCall: null }); // by another device
      return;
    }
    if (!this.isOurs(news)) return;
    this.state.setState({
      activeCall: { ...this.state.getState().activeCall!, ...news.call },
      callStatus: "connecting",
    });
    this.expectConnection();
    if (this.isCaller) await this.offer().catch(() => this.fail("media"));
  }

  private async takeWaiting(): Promise<void> {
    this.isReady = true;
    if (this.wantsOffer === this.state.getState().activeCall?.id)
      await this.offer().catch(() => this.fail("media"));
    for (const signal of this.waitingSignals.splice(0)) await this.signalled(signal);
  }

  private async signalled(signal: Signal): Promise<void> {
    if (!this.isReady || !this.media) {
      if (this.waitingSignals.length < WAITING_MAX) this.waitingSignals.push(signal);
      return;
    }
    if (!this.isOurs(signal)) return;
    try {
      if (signal.type === "ice_candidate")
        await this.media.addIceCandidate(signal.data as RTCIceCandidateInit);
      else if (signal.type === "answer")
        await this.media.handleAnswer(signal.data as RTCSessionDescriptionInit);
      else
        this.signal(
          "answer",
          await this.media.createAnswer({ ...(signal.data as RTCSessionDescriptionInit), type: "offer" }),
        );
    } catch {
      this.fail("media");
    }
  }

  private expectConnection(): void {
    this.stopTimer();
    this.tell({ connection: "connecting" });
    this.timer = this.clock.setTimeout(() => this.missed(), CONNECT_WITHIN);
  }

  private connectionChanged(state: RTCPeerConnectionState): void {
    this.state.setState({ connectionState: state });
    if (state === "connected") {
      this.stopTimer();
      this.retried = false;
      this.state.setState((now) => ({
        callStatus: "active",
        connectedAt: now.connectedAt ?? this.clock.now(),
      }));
      this.tell({
        connection: "connected",
        video: !this.state.getState().isCameraOff,
        muted: this.state.getState().isMuted,
      });
    } else if (state === "disconnected" && this.timer === null) {
      this.tell({ connection: "disconnected" });
      this.missed();
    } else if (state === "connecting") this.isTrying = true;
    // The first try may be given up only now: browsers take a quarter of a minute for that.
    else if (state === "failed" && (this.isTrying || !this.retried)) this.missed();
  }

  /** There is no connection, or not in time. Five seconds later comes one more try, unless it is there by then. */
  private missed(): void {
    if (!this.isBusy || !this.media || this.isWaiting) return;
    this.stopTimer();
    if (this.retried) {
      this.fail("connectivity");
      return;
    }
    this.isWaiting = true;
    this.timer = this.clock.setTimeout(() => void this.tryAgain(), RETRY_AFTER);
  }

  /** With new candidates, by the caller; if that has no success it is over. */
  private async tryAgain(): Promise<void> {
    this.stopTimer();
    if (!this.isBusy || !this.media) return;
    this.retried = true;
    this.isTrying = false;
    this.timer = this.clock.setTimeout(() => this.missed(), CONNECT_WITHIN);
    if (this.isCaller) this.signal("ice_restart", await this.media.restart().catch(() => null));
  }

  private fail(problem: string): void {
    const call = this.state.getState().activeCall;
    if (problem === "connectivity") this.tell({ connection: "failed" });
    this.finish(problem);
    if (call) void this.messenger.rest.endCall(call.id).catch(() => {});
  }

  private over(news: News): void {
    const { incomingCall } = this.state.getState();
    if (incomingCall?.id === news.call_id) this.state.setState({ incomingCall: null });
    if (!this.isOurs(news)) return;
    const { localStream } = this.state.getState();
    const withVideo = (localStream?.getVideoTracks?.().length ?? 0) > 0;
    if (news.reason === "transferred" && news.next_call_id) this.follows = { call: news.call_id, withVideo };
    const own = ["hangup", "cancelled", "transferred", null].includes(news.reason);
    this.finish(own ? null : news.reason);
  }

  private finish(problem: string | null): void {
    this.stopTimer();
    this.tellSamples();
    this.media?.endCall();
    this.media = null;
    this.isReady = false;
    this.wantsOffer = null;
    this.waitingSignals = [];
    const { activeCall, incomingCall, peer, connectedAt, offered, speaker } = this.state.getState();
    this.state.setState({
      ...IDLE,
      offered,
      speaker,
      activeCall,
      incomingCall,
      peer,
      connectedAt,
      callStatus: "ended",
      problem,
    });
    this.timer = this.clock.setTimeout(() => this.dismiss(), problem ? SHOW_END * 3 : SHOW_END);
  }

  private stopTimer(): void {
    if (this.timer !== null) this.clock.clearTimeout(this.timer);
    this.timer = null;
    this.isWaiting = false;
  }
}

const NO_STATE = { muted: false, video: true, screen: false, on_hold: false };

function reasonOf(error: unknown): string {
  if (error instanceof MediaProblem) return error.reason;
  if (error instanceof Problem) return error.reason ?? error.code;
  return "failed";
}
