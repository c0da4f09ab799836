// SPDX-License-Identifier: GPL-3.0-or-later
// The files in composers, by conversation: uploaded as soon as they are chosen, kept until their message is sent, and
// taken up again by the next page.
import { type Clock, systemClock } from "./clock";
import { newId } from "./ids";
import { type Locks, noLocks } from "./locks";
import type { Problem } from "./problem";
import type { Rest } from "./rest";
import type { QueuedFile, Store } from "./store";
import type { File as StoredFile } from "./types";
import { Upload } from "./Upload";

export type Purpose = "attachment" | "voice";
export type Attached = { id: string; conversation: string; upload: Upload };
type Item = Attached & { record: QueuedFile; isKept: boolean; release: (() => void) | null };

const KEPT_MAX = 256 * 1024 * 1024; // bytes of a file that another page may take up

export class Uploads {
  onChange: (() => void) | null = null;
  onFailed: ((item: Attached, problem: Problem) => void) | null = null;
  private items: Item[] = [];
  private order = 0;
  private isOver = false;

  constructor(
    private readonly rest: Rest,
    private readonly store: Store,
    private readonly clock: Clock = systemClock,
    private readonly locks: Locks = noLocks,
  ) {}

  /** Takes up what an earlier page has left, but not what another tab is about. */
  async restore(): Promise<void> {
    for (const record of await this.store.files().catch(() => [])) {
      const release = await this.locks.claim(`upload ${record.id}`);
      if (!release) continue;
      if (this.isOver || this.items.some(({ id }) => id === record.id)) {
        release();
        continue;
      }
      this.order = Math.max(this.order, record.order + 1);
      this.begin(record, release);
    }
  }

  of(conversation: string): Attached[] {
    return this.items.filter((item) => item.conversation === conversation);
  }

  add(conversation: string, file: Blob & { name?: string }, purpose: Purpose = "attachment"): Attached {
    const record: QueuedFile = {
      id: newId(),
      conversation_id: conversation,
      source: file,
      name: file.name || "file",
      purpose,
      order: this.order++,
      upload: null,
    };
    const item = this.begin(record, null);
    void this.locks.claim(`upload ${record.id}`).then((release) => {
      if (this.items.includes(item)) item.release = release;
      else release?.();
    });
    return item;
  }

  /** Starts, or starts again. */
  start(attached: Attached): void {
    attached.upload.start().catch((problem: Problem) => {
      if (attached.upload.state === "failed") this.onFailed?.(attached, problem);
    });
  }

  /** It is not to be sent. */
  remove(attached: Attached): void {
    const { upload } = attached;
    if (upload.state === "complete") void this.rest.removeFile(upload.file!.id).catch(() => {});
    else upload.cancel();
    this.forget(attached);
  }

  /** The files of CONVERSATION are a message's now. */
  clear(conversation: string): void {
    for (const item of this.of(conversation)) this.forget(item);
  }

  /** What the server tells of a file that comes. */
  hear(news: { file_id: string; received: number }): void {
    this.items.some(({ upload }) => upload.hear(news));
  }

  hearFile(file: StoredFile): void {
    for (const { upload } of this.items) upload.hearFile(file);
  }

  /** Nobody is signed in any more. */
  end(): void {
    this.isOver = true;
    for (const item of this.items) {
      item.upload.stop();
      item.release?.();
    }
    this.items = [];
    this.onChange?.();
  }

  private begin(record: QueuedFile, release: (() => void) | null): Item {
    const named = Object.assign(record.source.slice(0, record.source.size, record.source.type), {
      name: record.name,
    });
    const upload = new Upload(this.rest, named, record.purpose, this.clock, record.upload);
    const item: Item = {
      id: record.id,
      conversation: record.conversation_id,
      upload,
      record,
      isKept: record.source.size <= KEPT_MAX,
      release,
    };
    this.items = [...this.items, item];
    upload.onChange = () => this.changed(item);
    if (item.isKept) void this.store.putFile(record).catch(() => {});
    this.onChange?.();
    this.start(item);
    return item;
  }

  private changed(item: Item): void {
    const { kept } = item.upload;
    if (item.isKept && kept && kept.address !== item.record.upload?.address && this.items.includes(item)) {
      item.record.upload = kept;
      void this.store.putFile(item.record).catch(() => {});
    }
    this.onChange?.();
  }

  private forget(attached: Attached): void {
    const item = this.items.find(({ id }) => id === attached.id);
    if (!item) return;
    item.upload.onChange = null;
    this.items = this.items.filter((other) => other !== item);
    void this.store
      .removeFile(item.id)
      .catch(() => {})
      .finally(() => item.release?.());
    this.onChange?.();
  }
}
