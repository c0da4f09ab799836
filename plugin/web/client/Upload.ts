// SPDX-License-Identifier: GPL-3.0-or-later
// One file on its way to the server, in parts (tus 1.0): what was answered is safe, so that after an interruption it goes
// on where it was.
import { backoff, type Clock, systemClock } from "./clock";
import { Problem, unreachable } from "./problem";
import type { Rest } from "./rest";
import type { File as StoredFile } from "./types";

export type UploadState = "waiting" | "uploading" | "complete" | "failed" | "cancelled";

/** What makes an upload go on in another page. */
export type KeptUpload = { file_id: string; address: string; part: number };

const PART = 1024 * 1024; // bytes
const TRIES = 6; // that fail in a row

export class Upload {
  state: UploadState = "waiting";
  /** Bytes that were answered for. */
  sent = 0;
  /** Bytes that the server tells of meanwhile. */
  seen = 0;
  file: StoredFile | null = null;
  problem: Problem | null = null;
  onChange: (() => void) | null = null;

  private fileId: string | null = null;
  private address: string | null = null;
  private part = PART;
  private readonly aborter = new AbortController();

  constructor(
    private readonly rest: Rest,
    readonly source: Blob & { name?: string },
    private readonly purpose: "attachment" | "voice" = "attachment",
    private readonly clock: Clock = systemClock,
    kept: KeptUpload | null = null,
  ) {
    if (!kept) return;
    this.fileId = kept.file_id;
    this.address = kept.address;
    this.part = kept.part;
  }

  get progress(): number {
    return this.source.size === 0 ? 1 : Math.max(this.sent, this.seen) / this.source.size;
  }

  /** Null while the server has made no room for it. */
  get kept(): KeptUpload | null {
    if (!this.fileId || !this.address) return null;
    return { file_id: this.fileId, address: this.address, part: this.part };
  }

  /** The server tells of the file; false: of another one. */
  hear(news: { file_id: string; received: number }): boolean {
    if (news.file_id !== this.fileId) return false;
    this.seen = Math.min(this.source.size, news.received);
    this.onChange?.();
    return true;
  }

  hearFile(file: StoredFile): void {
    if (file.id !== this.fileId || !this.file) return;
    this.file = file;
    this.onChange?.();
  }

  /** Uploads it; the promise ends with the file, or with a Problem, after which it can be started again. */
  async start(): Promise<StoredFile> {
    this.problem = null;
    this.change("uploading");
    for (let failures = 0; ; failures++) {
      try {
        return await this.run(() => {
          failures = 0;
        });
      } catch (error) {
        const problem = error instanceof Problem ? error : unreachable(error);
        if (this.state === "cancelled") throw problem;
        if (!problem.isTemporary || failures + 1 >= TRIES) {
          this.problem = problem;
          this.change("failed");
          throw problem;
        }
        const wait = Math.max(backoff(failures, this.clock), (problem.retryAfter ?? 0) * 1000);
        await new Promise<void>((resolve) => this.clock.setTimeout(resolve, wait));
      }
    }
  }

  /** It goes on in another page, or is not wanted by anybody who could ask. */
  stop(): void {
    this.onChange = null;
    this.state = "cancelled";
    this.aborter.abort();
  }

  cancel(): void {
    this.change("cancelled");
    this.aborter.abort();
    if (this.address) void this.send("DELETE", {}).catch(() => {});
  }

  private async run(onPart: () => void): Promise<StoredFile> {
    if (!this.address || !(await this.goOn())) await this.makeRoom();
    while (this.sent < this.source.size) {
      const blob = this.source.slice(this.sent, this.sent + this.part);
      const response = await this.send("PATCH", { "Upload-Offset": String(this.sent) }, blob);
      this.sent = Number(response.headers.get("Upload-Offset") ?? this.sent + blob.size);
      onPart();
      this.change("uploading");
    }
    this.file = await this.rest.file(this.fileId!);
    this.change("complete");
    return this.file;
  }

  private async makeRoom(): Promise<void> {
    const { source } = this;
    const made = await this.rest.makeUpload({
      filename: source.name || "file",
      size: source.size,
      mime_type: source.type.split(";")[0] || "application/octet-stream",
      purpose: this.purpose,
    });
    this.fileId = made.file.id;
    this.address = made.upload_url;
    this.part = Math.min(PART, made.chunk_max || PART);
    this.sent = this.seen = 0;
    this.change("uploading");
  }

  /** Where the server is. False: it has given the upload up, and it begins anew. */
  private async goOn(): Promise<boolean> {
    try {
      const response = await this.send("HEAD", {});
      this.sent = Number(response.headers.get("Upload-Offset") ?? 0);
      return true;
    } catch (error) {
      if (!(error instanceof Problem && [404, 409, 410].includes(error.status))) throw error;
    }
    const file = await this.rest.file(this.fileId!).catch(() => null);
    if (!file || !["processing", "complete"].includes(file.status)) return false;
    this.sent = this.source.size; // all of it had arrived
    return true;
  }

  private async send(method: string, headers: Record<string, string>, body?: Blob): Promise<Response> {
    const type: Record<string, string> = body ? { "Content-Type": "application/offset+octet-stream" } : {};
    const response = await fetch(this.rest.base + this.address!.replace(/^https?:\/\/[^/]+/, ""), {
      method,
      headers: { ...this.rest.authorize(), "Tus-Resumable": "1.0.0", ...type, ...headers },
      body,
      credentials: "same-origin",
      signal: method === "DELETE" ? undefined : this.aborter.signal,
    });
    if (response.ok) return response;
    const wait = response.headers.get("Retry-After");
    throw Problem.fromObject(
      method === "HEAD" ? null : await response.json().catch(() => null),
      response.status,
      wait ? Number(wait) : null,
    );
  }

  private change(state: UploadState): void {
    if (this.state !== "cancelled") this.state = state;
    this.onChange?.();
  }
}
