// SPDX-License-Identifier: GPL-3.0-or-later
// The media of one call: one peer connection, what is captured for it, and how good it is.
import { type Clock, systemClock } from "./clock";

export type MediaKind = "audio" | "video";
export type Quality = {
  rtt_ms: number | null;
  loss: number;
  level: 0 | 1 | 2 | 3 | 4;
  jitter_ms: number | null;
  /** Of what comes, in bits a second. */
  bitrate: number | null;
  /** Of the picture that comes. */
  picture: string | null;
  codecs: string[];
};

/** Why there is no camera or microphone; each has words of its own. */
export class MediaProblem extends Error {
  constructor(readonly reason: "denied" | "system" | "not_found" | "in_use" | "unsupported" | "failed") {
    super(reason);
    this.name = "MediaProblem";
  }
}

const REASONS: Record<string, MediaProblem["reason"]> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "not_found",
  OverconstrainedError: "not_found",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

const AUDIO = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  voiceIsolation: true, // where the system can; else it means nothing
} as MediaTrackConstraints;
type Blurred = { backgroundBlur?: boolean[] };
const VIDEO: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  frameRate: { ideal: 15 },
};
const STATISTICS_EVERY = 2_000;
const GATHER_WITHIN = 5_000;

const NO_GATHERING = () => ({ timer: null as unknown, told: 0, isOver: false });

export class WebRTCClient {
  localStream: MediaStream | null = null;
  remoteStream: MediaStream | null = null;
  /** A candidate was found within five seconds; a later one is told only if it is the first. */
  onIceCandidate: ((candidate: RTCIceCandidate) => void) | null = null;
  onConnectionState: ((state: RTCPeerConnectionState) => void) | null = null;
  onRemoteStream: ((stream: MediaStream) => void) | null = null;
  onQuality: ((quality: Quality) => void) | null = null;

  private connection: RTCPeerConnection | null = null;
  private early: RTCIceCandidateInit[] = []; // they came before the description they belong to
  private timers: unknown[] = [];
  private gathering: { timer: unknown; told: number; isOver: boolean } = NO_GATHERING();
  private lost = 0;
  private received = 0;
  private bytes = { count: 0, at: 0 };
  private screen: MediaStream | null = null;

  constructor(private readonly clock: Clock = systemClock) {}

  static get isSupported(): boolean {
    return typeof RTCPeerConnection !== "undefined" && !!navigator.mediaDevices?.getUserMedia;
  }

  /** Has the browser ask whether it may, and gives back what it gets. Throws a MediaProblem. */
  static async ask(kind: MediaKind): Promise<void> {
    if (!WebRTCClient.isSupported) throw new MediaProblem("unsupported");
    const stream = await navigator.mediaDevices.getUserMedia({ [kind]: true }).catch((error) => {
      throw mediaProblem(error);
    });
    stopAll(stream);
  }

  /** Asks for microphone, and camera for a video call. Without a camera the call goes on by sound; without a microphone
   * it throws a MediaProblem. */
  async capture(kind: MediaKind, devices: { audio?: string; video?: string } = {}): Promise<MediaStream> {
    if (!WebRTCClient.isSupported) throw new MediaProblem("unsupported");
    const audio = { ...AUDIO, deviceId: devices.audio };
    const video = { ...VIDEO, deviceId: devices.video };
    try {
      this.localStream = await navigator.mediaDevices.getUserMedia({
        audio,
        video: kind === "video" ? video : false,
      });
    } catch (error) {
      if (kind !== "video") throw mediaProblem(error);
      this.localStream = await navigator.mediaDevices.getUserMedia({ audio }).catch((again) => {
        throw mediaProblem(again);
      });
    }
    return this.localStream!;
  }

  initializeCall(configuration: RTCConfiguration): RTCPeerConnection {
    this.endConnection();
    const connection = new RTCPeerConnection(configuration);
    this.connection = connection;
    for (const track of this.localStream?.getTracks() ?? []) connection.addTrack(track, this.localStream!);
    connection.onicecandidate = ({ candidate }) => {
      if (!candidate || (this.gathering.isOver && this.gathering.told > 0)) return;
      this.gathering.told++;
      this.onIceCandidate?.(candidate);
    };
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState === "gathering") this.gather();
      else this.stopGathering();
    };
    connection.onconnectionstatechange = () => {
      this.onConnectionState?.(connection.connectionState);
      if (connection.connectionState === "connected") this.measure();
    };
    connection.ontrack = ({ streams, track }) => {
      const stream = streams[0] ?? this.remoteStream ?? new MediaStream();
      if (!stream.getTracks().includes(track)) stream.addTrack(track);
      this.remoteStream = stream;
      this.onRemoteStream?.(stream);
    };
    return connection;
  }

  /** Candidates are looked for, anew after a restart: a helper that answers late does not keep both sides trying. */
  private gather(): void {
    this.stopGathering();
    const gathering = NO_GATHERING();
    gathering.timer = this.clock.setTimeout(() => {
      gathering.timer = null;
      gathering.isOver = true;
    }, GATHER_WITHIN);
    this.gathering = gathering;
  }

  private stopGathering(): void {
    if (this.gathering.timer !== null) this.clock.clearTimeout(this.gathering.timer);
    this.gathering.timer = null;
  }

  private get peer(): RTCPeerConnection {
    if (!this.connection) throw new Error("there is no call");
    return this.connection;
  }

  async createOffer(options: RTCOfferOptions = {}): Promise<RTCSessionDescriptionInit> {
    await this.peer.setLocalDescription(await this.peer.createOffer(options));
    return this.peer.localDescription!;
  }

  async createAnswer(offer: RTCSessionDescriptionInit): Promise<RTCSessionDescriptionInit> {
    await this.peer.setRemoteDescription(offer);
    await this.takeEarly();
    await this.peer.setLocalDescription(await this.peer.createAnswer());
    return this.peer.localDescription!;
  }

  async handleAnswer(answer: RTCSessionDescriptionInit): Promise<void> {
    await this.peer.setRemoteDescription(answer);
    await this.takeEarly();
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (!this.connection?.remoteDescription) {
      this.early.push(candidate);
      return;
    }
    await this.connection.addIceCandidate(candidate).catch(() => {}); // of a description that is replaced by now
  }

  private async takeEarly(): Promise<void> {
    for (const candidate of this.early.splice(0)) await this.addIceCandidate(candidate);
  }

  /** New ICE credentials for the same call: after the network has changed. */
  restart(): Promise<RTCSessionDescriptionInit> {
    return this.createOffer({ iceRestart: true });
  }

  setMuted(muted: boolean): void {
    for (const track of this.localStream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  setCamera(on: boolean): void {
    for (const track of this.localStream?.getVideoTracks() ?? []) track.enabled = on;
  }

  /** Whether the system can blur what is behind the person: no library of ours sees the picture. */
  get canBlur(): boolean {
    const track = this.localStream?.getVideoTracks()[0];
    const can = (track?.getCapabilities?.() ?? {}) as Blurred;
    return (can.backgroundBlur?.length ?? 0) > 1;
  }

  async setBlur(on: boolean): Promise<void> {
    const track = this.localStream?.getVideoTracks()[0];
    await track?.applyConstraints({ ...VIDEO, backgroundBlur: on } as MediaTrackConstraints);
  }

  get hasCamera(): boolean {
    return (this.localStream?.getVideoTracks().length ?? 0) > 0;
  }

  /** Shows the screen in place of the camera; ENDED is called when the person ends that in the browser. */
  async shareScreen(ended: () => void): Promise<void> {
    const sender = this.videoSender();
    if (!sender || !navigator.mediaDevices.getDisplayMedia) throw new MediaProblem("unsupported");
    const screen = await navigator.mediaDevices.getDisplayMedia({ video: true }).catch((error) => {
      throw mediaProblem(error);
    });
    if (!this.connection) return stopAll(screen); // hung up while the browser asked
    this.screen = screen;
    const track = this.screen!.getVideoTracks()[0]!;
    track.addEventListener("ended", ended);
    await sender.replaceTrack(track);
  }

  async stopScreen(): Promise<void> {
    for (const track of this.screen?.getTracks() ?? []) track.stop();
    this.screen = null;
    await this.videoSender()?.replaceTrack(this.localStream?.getVideoTracks()[0] ?? null);
  }

  private videoSender(): RTCRtpSender | undefined {
    return this.connection
      ?.getTransceivers()
      .find((transceiver) => transceiver.receiver.track.kind === "video")?.sender;
  }

  async switchDevice(kind: MediaKind, device: string): Promise<void> {
    const wanted =
      kind === "audio"
        ? { audio: { ...AUDIO, deviceId: { exact: device } } } // a wish alone is not always heard
        : { video: { ...VIDEO, deviceId: { exact: device } } };
    const stream = await navigator.mediaDevices.getUserMedia(wanted).catch((error) => {
      throw mediaProblem(error);
    });
    if (!this.localStream) return stopAll(stream); // hung up while the browser asked
    const track = stream.getTracks()[0]!;
    const old = this.localStream?.getTracks().find((other) => other.kind === kind);
    if (old) {
      track.enabled = old.enabled;
      this.localStream?.removeTrack(old);
      old.stop();
    }
    this.localStream?.addTrack(track);
    const sender = this.connection?.getSenders().find((other) => other.track?.kind === kind);
    await sender?.replaceTrack(track);
  }

  // ---- Quality

  private measure(): void {
    const again = async () => {
      if (!this.connection) return;
      const quality = await this.readQuality().catch(() => null);
      if (quality) {
        this.onQuality?.(quality);
        await this.adapt(quality).catch(() => {});
      }
      this.timers.push(this.clock.setTimeout(again, STATISTICS_EVERY));
    };
    void again();
  }

  private async readQuality(): Promise<Quality> {
    const statistics = await this.peer.getStats();
    const found = readStatistics([...(statistics as unknown as Map<string, Statistic>).values()]);
    const newlyLost = Math.max(0, found.lost - this.lost);
    const all = newlyLost + Math.max(0, found.received - this.received);
    this.lost = found.lost;
    this.received = found.received;
    const loss = all > 0 ? newlyLost / all : 0;
    const { count, at } = this.bytes;
    const now = this.clock.now();
    this.bytes = { count: found.bytes, at: now };
    const bitrate = at > 0 && now > at ? Math.max(0, ((found.bytes - count) * 8000) / (now - at)) : null;
    const { rtt_ms, jitter_ms, picture, codecs } = found;
    return { rtt_ms, loss, level: qualityLevel(rtt_ms, loss), jitter_ms, bitrate, picture, codecs };
  }

  /** A bad line gets a smaller picture, and at last none: sound comes first. */
  private async adapt(quality: Quality): Promise<void> {
    const sender = this.videoSender();
    if (!sender?.track || this.screen) return;
    const parameters = sender.getParameters();
    const encoding = parameters.encodings[0];
    if (!encoding) return;
    const rates = [60_000, 120_000, 300_000, 600_000, undefined];
    encoding.maxBitrate = rates[quality.level];
    encoding.active = quality.level > 0;
    await sender.setParameters(parameters);
  }

  // ---- The end

  private endConnection(): void {
    for (const timer of this.timers.splice(0)) this.clock.clearTimeout(timer);
    this.stopGathering();
    this.gathering = NO_GATHERING();
    const connection = this.connection;
    this.connection = null;
    this.early = [];
    this.lost = this.received = 0;
    this.bytes = { count: 0, at: 0 };
    if (!connection) return;
    connection.onicecandidate = connection.onconnectionstatechange = connection.ontrack = null;
    connection.onicegatheringstatechange = null;
    connection.close();
  }

  /** Lets go of camera, microphone and connection, at once. */
  endCall(): void {
    this.endConnection();
    for (const stream of [this.localStream, this.screen, this.remoteStream]) {
      for (const track of stream?.getTracks() ?? []) track.stop();
    }
    this.localStream = this.screen = this.remoteStream = null;
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

export function mediaProblem(error: unknown): MediaProblem {
  const { name, message } = (error ?? {}) as Partial<DOMException>;
  // Not the person, and not the browser: what is above both has said no.
  if (name === "NotAllowedError" && /\bsystem\b/i.test(message ?? "")) return new MediaProblem("system");
  return new MediaProblem(REASONS[name ?? ""] ?? "failed");
}

export type Statistic = { type: string; id: string } & Record<string, unknown>;

/** What the browser says of a connection, in one. */
export function readStatistics(entries: Statistic[]) {
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  const incoming = entries.filter(({ type }) => type === "inbound-rtp");
  const pair = entries.find(
    ({ type, nominated, currentRoundTripTime }) =>
      type === "candidate-pair" && nominated && currentRoundTripTime !== undefined,
  );
  const sum = (name: string) => incoming.reduce((all, entry) => all + number(entry[name]), 0);
  const jitters = incoming.map(({ jitter }) => jitter).filter((jitter) => jitter !== undefined);
  const video = incoming.find(({ frameWidth }) => frameWidth !== undefined);
  const codecs = incoming
    .map(({ codecId }) => entries.find(({ id }) => id === codecId)?.mimeType)
    .filter((name) => typeof name === "string");
  return {
    rtt_ms: pair ? Math.round(number(pair.currentRoundTripTime) * 1000) : null,
    jitter_ms: jitters.length > 0 ? Math.round(Math.max(...jitters.map(number)) * 1000) : null,
    lost: sum("packetsLost"),
    received: sum("packetsReceived"),
    bytes: sum("bytesReceived"),
    picture: video
      ? `${number(video.frameWidth)}×${number(video.frameHeight)}, ${Math.round(number(video.framesPerSecond))}/s`
      : null,
    codecs: [...new Set(codecs)],
  };
}

/** From 4, as good as it gets, down to 0, where nothing is understood. */
export function qualityLevel(rtt: number | null, loss: number): Quality["level"] {
  if (loss > 0.25 || (rtt ?? 0) > 1500) return 0;
  if (loss > 0.1 || (rtt ?? 0) > 800) return 1;
  if (loss > 0.05 || (rtt ?? 0) > 400) return 2;
  if (loss > 0.01 || (rtt ?? 0) > 200) return 3;
  return 4;
}
