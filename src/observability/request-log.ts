import { createLineBudget } from "./line-budget.ts";
import type { Logger } from "./logger.ts";
import { createRepeatedRefusals, writtenRefusals } from "./repeated-refusals.ts";

/** Which requests are logged. */
export const requestLogModes = ["none", "denied", "all"] as const;
/** One of the modes. */
export type RequestLogMode = (typeof requestLogModes)[number];

/** Writes what became of requests; the facts are put together only where they will be written. */
export interface RequestLog {
  /** `refusedToken`: what the token is called for which the request was refused. */
  (outcome: string, facts: () => Record<string, unknown>, refusedToken?: string): void;
  /** A token was refused as invalid. Written at level debug: `why` is asked only then. */
  tokenInvalid(requestId: string, why: () => string | undefined): void;
  /** A request was passed on that would be refused, if anything were. */
  wouldRefuse(reason: string, facts: Record<string, unknown>): void;
  /** The application could not be reached, or broke off. */
  upstreamFailure(requestId: string, cause: Error): void;
  /** A revocation could not be made to hold, and the response was not released. */
  withheld(requestId: string, cause: Error): void;
  /** Something was done to a subject whose tokens should have ended, and no one can tell who it is. */
  subjectUnknown(requestId: string): void;
  /** A token names no subject, on a route that would end all tokens of its subject. */
  tokenWithoutSubject(requestId: string): void;
  /** A client of HTTP/2 did too much of something. */
  http2Fault(peer: string, cause: string): void;
  /** An answer on a revoking route could not be read as `success` asks for. */
  outcomeUnread(requestId: string): void;
  /** A revoking route was answered with a redirection. Written once a path. */
  redirected(status: number, path: string | undefined): void;
  /** An answer handed out a token that had been revoked; `id` is what it is called in the denylist. */
  revokedHandedOut(requestId: string, id: string): void;
  /** A session should have ended, and no one can tell which. */
  sessionUnknown(requestId: string): void;
  /** A token that had been replaced came again; `id` is what it is called in the denylist. */
  reusedToken(requestId: string, id: string): void;
  /** Tokens were handed out whose link to their session is not known everywhere yet. */
  linkLate(requestId: string, cause: Error): void;
  /** Opaque tokens were handed out and not linked: too many are. Written once a minute at most. */
  linksUnproven(requestId: string): void;
  /** An answer handed out no token by which others could end, or that could be spared. */
  nothingHandedOut(requestId: string): void;
  /** The outcome is unknown, and the subject that the request alone names keeps its tokens. */
  subjectKept(requestId: string): void;
  /** Too many revocations rest on requests alone. Written once a minute at most. */
  unprovenRefused(requestId: string): void;
}

const quietMs = 60_000;
const linkLateMessage = "the link of tokens that were handed out is late";
const http2Message = "a client of HTTP/2 was cut off";
const handedOutMessage =
  "the application handed out a token that was already revoked, so it is refused; a jti in each token makes tokens distinct (docs/routes.md, handsOut)";
const reusedMessage =
  "a token that had been replaced came again: it was stolen, or its client lost an answer; its session was ended";
const unprovenMessage =
  "too many revocations came from requests without a live token; they get 503 until limits.unprovenRevocations allows more";
const linksUnprovenMessage =
  "too many opaque tokens were handed out to clients without a token of an issuer's; they stay unlinked until limits.unprovenLinks allows more";
/** A token may be kilobytes long, and a reason quotes its claims. */
const maxReasonLength = 200;
const repeatedMessage = `the same token was refused ${writtenRefusals} times within a minute; its next refusals are not logged for the rest of the minute`;
/** A rule with `*` has any number of paths. */
const maxRedirectedPaths = 100;

const passed = new Set([
  "forwarded",
  "allowed",
  "preflight_answered",
  "logout_answered",
  "client_gone",
]);

/** Which lines of requests are written. */
export interface RequestLogOptions {
  /** `denied` leaves out what passed. */
  readonly requests: RequestLogMode;
  /** Max lines a second of one outcome of refused requests, and of each warning. */
  readonly maxRefusalsPerSecond: number;
}

/** What is told of a request that did not do what its rule says, or may not have. */
const complaints = {
  subjectUnknown: ["error", "subjectFrom found no subject; nothing was revoked"],
  tokenWithoutSubject: [
    "error",
    "refused: subjectClaim names no text or whole number in the token, and this route ends all tokens of the subject",
  ],
  outcomeUnread: [
    "warn",
    "the application's answer could not be read for success: the outcome is unknown (denylist.onUnknownOutcome)",
  ],
  sessionUnknown: [
    "error",
    "the request's tokens name no session (tokens.sessionClaim) and were linked to none when they were handed out (session): only these tokens ended",
  ],
  nothingHandedOut: [
    "error",
    "the answer handed out no valid token of a subject where the rule says (handsOut, sparing): with only, no other session ended; with sparing, a token handed out elsewhere has ended; with session, none was linked",
  ],
  subjectKept: [
    "warn",
    "the outcome is unknown and only the request names the subject: its tokens stay valid",
  ],
} as const;

function createRedirectionLog(logger: Logger): RequestLog["redirected"] {
  const told = new Set<string | undefined>();
  return (status, path) => {
    if (told.has(path) || told.size >= maxRedirectedPaths) return;
    told.add(path);
    logger.warn(
      { status, path },
      "a revoking route answered with a redirect, so nothing was revoked; if a redirect means success here, add to the rule: success: { status: [2xx, 302, 303] }",
    );
  };
}

type LogRequest = (
  outcome: string,
  facts: () => Record<string, unknown>,
  refusedToken?: string,
) => void;

/** The line of each request, as far as it is written. */
function createRequestLines(
  logger: Logger,
  mode: RequestLogMode,
  mayWrite: (outcome: string) => boolean,
): LogRequest {
  const repeats = createRepeatedRefusals((token, facts: () => Record<string, unknown>) => {
    logger.warn({ token: `tok:${token}`, ...facts() }, repeatedMessage);
  });
  return (outcome, facts, refusedToken) => {
    if (mode === "none") return;
    const told = () => ({ outcome, ...facts() });
    if (refusedToken !== undefined && !repeats(refusedToken, told)) return;
    if (passed.has(outcome) ? mode === "denied" : !mayWrite(outcome)) return;
    logger.info(told(), "request");
  };
}

/** Why tokens were refused as invalid, for anyone who looks for it. */
function createReasonLog(
  logger: Logger,
  mayWrite: (kind: string) => boolean,
): RequestLog["tokenInvalid"] {
  return (requestId, why) => {
    if (!logger.isLevelEnabled("debug") || !mayWrite("the token is invalid")) return;
    const reason = why()?.slice(0, maxReasonLength) ?? "it is bound to a different certificate";
    logger.debug({ requestId, reason }, "the token is invalid");
  };
}

/** What would be refused, if anything were. */
function createObservationLog(
  logger: Logger,
  mayWrite: (kind: string) => boolean,
): RequestLog["wouldRefuse"] {
  return (reason, facts) => {
    if (!mayWrite(`would be refused: ${reason}`)) return;
    logger.info({ reason, ...facts }, "would be refused");
  };
}

/** Makes the log of requests. */
export function createRequestLog(
  logger: Logger,
  { requests: mode, maxRefusalsPerSecond }: RequestLogOptions,
): RequestLog {
  const mayWrite = createLineBudget(maxRefusalsPerSecond, (kind: string, lines) => {
    logger.warn(
      { like: kind, lines },
      "refusals were not logged: log.maxRefusalsPerSecond was reached",
    );
  });
  const complain = (level: "warn" | "error", facts: Record<string, unknown>, message: string) => {
    if (mayWrite(message)) logger[level](facts, message);
  };
  const [mayWriteUnproven, mayWriteLinks] = [createPause(quietMs), createPause(quietMs)];
  const tell = (name: keyof typeof complaints) => (requestId: string) => {
    const [level, message] = complaints[name];
    complain(level, { requestId }, message);
  };
  return Object.assign(createRequestLines(logger, mode, mayWrite), {
    subjectUnknown: tell("subjectUnknown"),
    tokenWithoutSubject: tell("tokenWithoutSubject"),
    outcomeUnread: tell("outcomeUnread"),
    subjectKept: tell("subjectKept"),
    nothingHandedOut: tell("nothingHandedOut"),
    sessionUnknown: tell("sessionUnknown"),
    reusedToken(requestId: string, id: string) {
      complain("warn", { requestId, token: `tok:${id}` }, reusedMessage);
    },
    linkLate(requestId: string, cause: Error) {
      complain("warn", { requestId, cause: describe(cause) }, linkLateMessage);
    },
    redirected: createRedirectionLog(logger),
    revokedHandedOut(requestId: string, id: string) {
      complain("warn", { requestId, token: `tok:${id}` }, handedOutMessage);
    },
    tokenInvalid: createReasonLog(logger, mayWrite),
    wouldRefuse: createObservationLog(logger, mayWrite),
    http2Fault: (peer: string, cause: string) => complain("warn", { peer, cause }, http2Message),
    upstreamFailure(requestId: string, cause: Error) {
      complain("warn", { requestId, cause: describe(cause) }, "the application did not answer");
    },
    withheld(requestId: string, cause: Error) {
      complain("error", { requestId, cause: describe(cause) }, "a revocation is pending");
    },
    unprovenRefused(requestId: string) {
      if (mayWriteUnproven()) logger.error({ requestId }, unprovenMessage);
    },
    linksUnproven(requestId: string) {
      if (mayWriteLinks()) logger.error({ requestId }, linksUnprovenMessage);
    },
  });
}

/** True at most once in so many milliseconds. */
function createPause(ms: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = performance.now();
    if (nowMs < lastMs + ms) return false;
    lastMs = nowMs;
    return true;
  };
}

/** Message and code of an error and of what caused it; never its other fields, which may hold a request. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? ` (${String(error.code)})` : "";
  const cause = error.cause === undefined ? "" : `: ${describe(error.cause)}`;
  return `${error.message}${code}${cause}`;
}
