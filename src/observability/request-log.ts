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

/** Makes the log of requests; `denied` leaves out what passed. */
export function createRequestLog(logger: Logger, mode: RequestLogMode): RequestLog {
  const log = (outcome: string, facts: () => Record<string, unknown>) => {
    if (mode === "none" || (mode === "denied" && passed.has(outcome))) return;
    logger.info({ outcome, ...facts() }, "request");
  };
  let unprovenAtMs = Number.NEGATIVE_INFINITY;
  return Object.assign(log, {
    upstreamFailure(requestId: string, cause: Error) {
      logger.warn({ requestId, cause: describe(cause) }, "the application did not answer");
    },
    withheld(requestId: string, cause: Error) {
      logger.error({ requestId, cause: describe(cause) }, "a revocation is pending");
    },
    subjectUnknown(requestId: string) {
      logger.error({ requestId }, "no subject where subjectFrom says; nothing of it was revoked");
    },
    tokenWithoutSubject(requestId: string) {
      logger.error(
        { requestId },
        "refused: the token names no subject by subjectClaim (a text or a whole number), and this route would end all tokens of its subject",
      );
    },
    subjectKept(requestId: string) {
      logger.warn(
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
