// SPDX-License-Identifier: GPL-3.0-or-later
// What went wrong, in the API's own words (RFC 9457).
import type { Problem as ProblemObject } from "./types";

export class Problem extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryAfter: number | null; // seconds
  readonly detail: string | null;
  /** Of a call that cannot be: "busy", "offline" … (error_reason). */
  reason: string | null = null;

  constructor(code: string, status: number, detail: string | null = null, retryAfter: number | null = null) {
    super(detail ?? code);
    this.name = "Problem";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }

  /** Whether the same may succeed later: nothing was said about what was asked for. */
  get isTemporary(): boolean {
    const isFinal = this.status === 501 || this.status === 507;
    return this.status === 0 || this.status === 429 || (this.status >= 500 && !isFinal);
  }

  static fromObject(
    object: Partial<ProblemObject> | null,
    status: number,
    retryAfter: number | null = null,
  ): Problem {
    const detail = object?.detail ?? object?.title ?? null;
    const problem = new Problem(object?.code ?? "unknown", status, detail, retryAfter);
    problem.reason = object?.error_reason ?? null;
    return problem;
  }
}

/** There was no answer at all. */
export function unreachable(error: unknown): Problem {
  return new Problem("unreachable", 0, error instanceof Error ? error.message : null);
}
