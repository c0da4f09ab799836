// SPDX-License-Identifier: GPL-3.0-or-later
// What becomes of a draft when another device has written in the same conversation.
import type { Conversation } from "../../client/types";

export type Draft = Conversation["draft"];
/** take: theirs is shown, nothing of one's own is lost by it. ask: both have written, the person chooses. */
export type Step = "ignore" | "take" | "ask";

const OWN_MAX = 50; // texts that were saved here, and may still be told of
const QUIET_AFTER = 10_000; // milliseconds behind a request of our own, in which "there is none" may be its echo

/** Follows the draft of one conversation, as this device and others leave it. */
export class DraftWatch {
  private readonly own = new Set<string>();
  private asked = Number.NEGATIVE_INFINITY;
  constructor(private readonly now: () => number = Date.now) {}

  /** This device has asked the server to keep TEXT; "": none. */
  saving(text: string): void {
    this.asked = this.now();
    if (!text) return;
    this.own.add(text);
    for (const first of this.own) {
      if (this.own.size <= OWN_MAX) break;
      this.own.delete(first);
    }
  }

  /** The server tells that THEIRS is the draft. SAVED is what was saved here last, TEXT what is written. */
  hear(theirs: Draft, saved: string, text: string): Step {
    const content = theirs?.content ?? "";
    if (content === text || content === saved) return "ignore";
    if (theirs && this.own.has(content)) return "ignore"; // an echo that is late
    if (text === saved || text.trim() === "")
      return theirs || this.now() - this.asked > QUIET_AFTER ? "take" : "ignore";
    return theirs ? "ask" : "ignore"; // it was sent there; what is written here is another text by now
  }
}
