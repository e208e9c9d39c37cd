import { createLineBudget } from "./line-budget.ts";
import type { Logger } from "./logger.ts";

/** Which requests are logged. */
export const requestLogModes = ["none", "denied", "all"] as const;
/** One of the modes. */
export type RequestLogMode = (typeof requestLogModes)[number];

/** Writes what became of requests; the facts are put together only where they will be written. */
export interface RequestLog {
  (outcome: string, facts: () => Record<string, unknown>): void;
  /** The application could not be reached, or broke off. */
  upstreamFailure(requestId: string, cause: Error): void;
  /** A revocation could not be made to hold, and the response was not released. */
  withheld(requestId: string, cause: Error): void;
  /** Something was done to a subject whose tokens should have ended, and nobody can tell who it is. */
  subjectUnknown(requestId: string): void;
  /** A token names no subject, on a route that would end all tokens of its subject. */
  tokenWithoutSubject(requestId: string): void;
  /** The outcome is unknown, and the subject that the request alone names keeps its tokens. */
  subjectKept(requestId: string): void;
  /** Too many revocations rest on requests alone. Written once a minute at most. */
  unprovenRefused(requestId: string): void;
}

const quietMs = 60_000;

const passed = new Set(["forwarded", "preflight_answered", "client_gone"]);

/** Which lines of requests are written. */
export interface RequestLogOptions {
  /** `denied` leaves out what passed. */
  readonly requests: RequestLogMode;
  /** Max lines a second of one outcome of refused requests, and of each warning. */
  readonly maxRefusalsPerSecond: number;
}

/** Makes the log of requests. */
export function createRequestLog(
  logger: Logger,
  { requests: mode, maxRefusalsPerSecond }: RequestLogOptions,
): RequestLog {
  const mayWrite = createLineBudget(maxRefusalsPerSecond, (kind: string, lines) => {
    logger.warn({ like: kind, lines }, "lines were left out: log.maxRefusalsPerSecond");
  });
  const log = (outcome: string, facts: () => Record<string, unknown>) => {
    if (mode === "none") return;
    const hasPassed = passed.has(outcome);
    if (hasPassed ? mode === "denied" : !mayWrite(outcome)) return;
    logger.info({ outcome, ...facts() }, "request");
  };
  const complain = (level: "warn" | "error", facts: Record<string, unknown>, message: string) => {
    if (mayWrite(message)) logger[level](facts, message);
  };
  let unprovenAtMs = Number.NEGATIVE_INFINITY;
  return Object.assign(log, {
    upstreamFailure(requestId: string, cause: Error) {
      complain("warn", { requestId, cause: describe(cause) }, "the application did not answer");
    },
    withheld(requestId: string, cause: Error) {
      complain("error", { requestId, cause: describe(cause) }, "a revocation is pending");
    },
    subjectUnknown(requestId: string) {
      complain("error", { requestId }, "subjectFrom found no subject; nothing was revoked");
    },
    tokenWithoutSubject(requestId: string) {
      complain(
        "error",
        { requestId },
        "refused: the token names no subject by subjectClaim (a text or a whole number), and this route would end all tokens of its subject",
      );
    },
    subjectKept(requestId: string) {
      complain(
        "warn",
        { requestId },
        "the outcome is unknown, and the request alone names the subject: its tokens were kept",
      );
    },
    unprovenRefused(requestId: string) {
      const nowMs = performance.now();
      if (nowMs < unprovenAtMs + quietMs) return;
      unprovenAtMs = nowMs;
      logger.error(
        { requestId },
        "too many revocations rest on requests without a live token; they get 503 until limits.unprovenRevocations allows for more",
      );
    },
  });
}

/** Message and code of an error and of what caused it; never its other fields, which may hold a request. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const cause = error.cause === undefined ? "" : `: ${describe(error.cause)}`;
  return `${error.message}${code}${cause}`;
}
