import type { Makers } from "./makers.ts";
import { type CountRevoked, createHolds, type Revoked, type StartHold } from "./revocations.ts";

/** What the way of a request counts. Labels are bound once, here: no look-up on the hot path. */
export interface GateMetrics<Outcome extends string> {
  readonly requests: Readonly<Record<Outcome, { inc(): void }>>;
  readonly checkSeconds: { observe(seconds: number): void };
  readonly upstreamSeconds: { observe(seconds: number): void };
  /** A request was passed on by `revgate observe` that would be refused. */
  readonly wouldRefuse: { inc(): void };
  /** 1 while nothing is refused. */
  readonly observing: { set(value: number): void };
  /** Time spent on signatures. */
  readonly signatureSeconds: { inc(seconds: number): void };
  /** Requests that waited their turn to have a signature checked, by what came of it. */
  readonly checkWaits: Readonly<Record<"turn" | "refused", { inc(): void }>>;
  /** How long requests waited for a connection to the application, those that did. */
  readonly queueSeconds: { observe(seconds: number): void };
  /** Clients that were given up because they stood still, by what they had stopped doing. */
  readonly stalledClients: Readonly<Record<"reading" | "sending", { inc(): void }>>;
  readonly crowdedConnections: Readonly<Record<Crowding, { inc(): void }>>;
  /** What clients of HTTP/2 did that cost them a connection, or a request. */
  readonly http2Faults: Readonly<Record<Http2Fault, { inc(): void }>>;
  readonly upgradedConnections: { inc(): void; dec(): void };
  /** Messages of WebSockets that logged in or should have, by what came of it. */
  readonly messageTokens: Readonly<Record<MessageOutcome, { inc(): void }>>;
  /** Connections that ended with their token, by why. */
  readonly cuts: Readonly<Record<CutReason, { inc(): void }>>;
  /** A route named no subject where its rule says; its tokens live on. */
  readonly subjectsNotFound: { inc(): void };
  /** A token named no subject on a route that would end all tokens of its subject; it was refused. */
  readonly tokensWithoutSubject: { inc(): void };
  /** Success could not be read in the answer on a revoking route. */
  readonly outcomesUnread: { inc(): void };
  /** The outcome was unknown, and a subject that the request alone named kept its tokens. */
  readonly subjectsKept: { inc(): void };
  /** A revoking request was refused because too many revocations rest on requests alone. */
  readonly unprovenRefused: { inc(): void };
  /** An answer handed out a token that had been revoked. */
  readonly revokedHandedOut: { inc(): void };
  /** A session should have ended, and no one can tell which. */
  readonly sessionsNotFound: { inc(): void };
  /** A token that had been replaced came again, and its session was ended. */
  readonly reusedTokens: { inc(): void };
  /** Tokens were handed out whose link to their session is not known everywhere yet. */
  readonly linksLate: { inc(): void };
  readonly linksUnproven: { inc(): void };
  /** An answer handed out no token where one was to be spared, or to leave its session alone. */
  readonly nothingHandedOut: { inc(): void };
  /** A revoking request was lost on its way, and what it would have revoked is revoked to be safe. */
  readonly onUnknownOutcome: (entries: readonly Revoked[]) => void;
  /** A response is being held while these are revoked; what it returns is called when the hold is over. */
  readonly startHold: StartHold;
}

/** What may become of a message of a WebSocket that should log in: accepted, or an error of docs/errors.md. */
export const messageOutcomes = [
  "accepted",
  "token_missing",
  "token_revoked",
  "token_invalid",
  "token_expired",
  "token_ambiguous",
  "request_ambiguous",
  "request_too_large",
  "request_timeout",
  "denylist_unavailable",
  "revocation_pending",
  "keys_unavailable",
  "checks_busy",
  "internal_error",
] as const;
/** One of them. */
export type MessageOutcome = (typeof messageOutcomes)[number];

/** Why a live connection is cut. */
export const cutReasons = ["token_revoked", "token_expired"] as const;
/** One of the reasons. */
export type CutReason = (typeof cutReasons)[number];

/** What clients of HTTP/2 do wrong, or too much of. */
export const http2Faults = ["protocol", "flood", "resets", "crowded"] as const;
/** One of them. */
export type Http2Fault = (typeof http2Faults)[number];

/** What is done with clients' connections if there are too many. */
export const crowdings = ["turned_away", "gave_way"] as const;
/** One of them. */
export type Crowding = (typeof crowdings)[number];

/** From 10 µs: the checks take microseconds when the token is known. */
const checkBuckets = [
  1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.25, 1,
];
const upstreamBuckets = [
  5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Makes what the way of a request counts. */
export function createGateMetrics<Outcome extends string>(
  make: Makers,
  outcomes: readonly Outcome[],
  countRevoked: CountRevoked,
): GateMetrics<Outcome> {
  return {
    requests: make.counters(
      {
        name: "revgate_requests_total",
        help: "Requests, by how they ended: forwarded, allowed (a gateway that asked was told yes), an error of docs/errors.md, preflight_answered, logout_answered (a logout of revgate's own), client_gone (before the end of the response), client_stalled (it took nothing of its response for limits.sendTimeout), broken_off (by the application, in its body), cut (its token was revoked or expired while it was being sent).",
      },
      "outcome",
      outcomes,
    ),
    checkSeconds: make.plainHistogram(
      "revgate_check_duration_seconds",
      "Time from receiving a request's head to deciding about it.",
      checkBuckets,
    ),
    upstreamSeconds: make.plainHistogram(
      "revgate_upstream_duration_seconds",
      "Time from forwarding a request to the head of the application's response.",
      upstreamBuckets,
    ),
    ...createWaits(make),
    onUnknownOutcome: (entries) => countRevoked("unknown_outcome", entries),
    cuts: make.counters(
      {
        name: "revgate_connections_cut_total",
        help: "WebSocket connections and streaming responses cut because their token ended, by reason.",
      },
      "reason",
      cutReasons,
    ),
    ...createSubjectCounters(make),
    ...createSessionCounters(make),
    observing: make.gauge(
      "revgate_observing",
      "1 if this is revgate observe, which refuses nothing; else 0.",
    ),
    wouldRefuse: make.counter(
      "revgate_would_refuse_total",
      "Requests that revgate observe has passed on, and that revgate run would refuse.",
    ),
    ...createSocketCounters(make),
    startHold: createHolds(make, countRevoked),
  };
}

function createSocketCounters(
  make: Makers,
): Pick<GateMetrics<string>, "messageTokens" | "upgradedConnections"> {
  return {
    messageTokens: make.counters(
      {
        name: "revgate_websocket_logins_total",
        help: "WebSocket messages that logged in on routes with firstMessage, or should have: accepted, or the error for which the connection was closed.",
      },
      "outcome",
      messageOutcomes,
    ),
    upgradedConnections: make.gauge("revgate_upgraded_connections", "Open WebSocket connections."),
  };
}

/** What was not revoked, or not believed, for want of a subject or of a proof. */
function createSubjectCounters(
  make: Makers,
): Pick<
  GateMetrics<string>,
  | "subjectsNotFound"
  | "tokensWithoutSubject"
  | "outcomesUnread"
  | "subjectsKept"
  | "unprovenRefused"
  | "revokedHandedOut"
  | "nothingHandedOut"
> {
  return {
    subjectsNotFound: make.counter(
      "revgate_subjects_not_found_total",
      "Successful answers on routes with subjectFrom where neither the answer nor its request named a subject, so nothing was revoked. Alert on every increase.",
    ),
    tokensWithoutSubject: make.counter(
      "revgate_tokens_without_subject_total",
      "Requests to routes with revoke: subject that were refused because their token names no subject.",
    ),
    outcomesUnread: make.counter(
      "revgate_outcomes_unread_total",
      "Answers on revoking routes that could not be read for success: not JSON, too long, or without the member.",
    ),
    subjectsKept: make.counter(
      "revgate_subjects_kept_total",
      "Unknown outcomes on routes where only the request names the subject; its tokens stay valid.",
    ),
    unprovenRefused: make.counter(
      "revgate_unproven_revocations_refused_total",
      "Revoking requests refused with 503 because of limits.unprovenRevocations.",
    ),
    nothingHandedOut: make.counter(
      "revgate_nothing_handed_out_total",
      "Answers on routes with only, sparing or session that handed out no valid token, or were too long to be searched: with only, no other session ended; with sparing, the new token was not spared; with session, none was linked. Alert on every increase.",
    ),
    revokedHandedOut: make.counter(
      "revgate_revoked_tokens_handed_out_total",
      "Answers on routes with handsOut that gave a client an already revoked token: without jti, two tokens issued within a second are identical.",
    ),
  };
}

/** What is counted of tokens that belong together. */
function createSessionCounters(
  make: Makers,
): Pick<GateMetrics<string>, "sessionsNotFound" | "reusedTokens" | "linksLate" | "linksUnproven"> {
  return {
    sessionsNotFound: make.counter(
      "revgate_sessions_not_found_total",
      "Successful answers on routes with revoke: session to requests whose tokens name no session (tokens.sessionClaim) and were linked to none: only these tokens ended. Alert on every increase.",
    ),
    reusedTokens: make.counter(
      "revgate_reused_tokens_total",
      "Tokens that had been replaced and came again on a route with reused: end: their sessions were ended. Either side of a stolen refresh token, or a client that lost an answer.",
    ),
    linksUnproven: make.counter(
      "revgate_links_unproven_total",
      "Answers whose opaque tokens were not linked to a session because of limits.unprovenLinks: a logout ends only the token that it carries.",
    ),
    linksLate: make.counter(
      "revgate_links_late_total",
      "Answers that handed out tokens whose link to their session was not known everywhere yet: the disk or Redis was away. It is tried again.",
    ),
  };
}

/** What is counted of those who wait, let wait, or ask for too much. */
function createWaits(
  make: Makers,
): Pick<
  GateMetrics<string>,
  | "signatureSeconds"
  | "checkWaits"
  | "queueSeconds"
  | "stalledClients"
  | "http2Faults"
  | "crowdedConnections"
> {
  return {
    signatureSeconds: make.counter(
      "revgate_signature_check_seconds_total",
      "Time spent on signatures of clients' tokens. Its rate is at most limits.signatureCheckShare.",
    ),
    checkWaits: make.counters(
      {
        name: "revgate_signature_check_waits_total",
        help: "Requests with a token that is new here which had to wait for limits.signatureCheckShare, by result: turn (its turn came), refused (503 checks_busy: others had to be let in).",
      },
      "result",
      ["turn", "refused"],
    ),
    queueSeconds: make.plainHistogram(
      "revgate_upstream_queue_duration_seconds",
      "How long requests waited for a connection to the application. Requests that found an idle one are not counted.",
      upstreamBuckets,
    ),
    http2Faults: make.counters(
      {
        name: "revgate_http2_faults_total",
        help: "HTTP/2 connections that were closed because of their client, by reason: protocol (malformed frames), flood (frames that carry nothing), resets (too many requests broken off); crowded: requests refused, or ended for another client's, because limits.maxConnections were in progress and their network had the most.",
      },
      "reason",
      http2Faults,
    ),
    crowdedConnections: make.counters(
      {
        name: "revgate_connections_crowded_total",
        help: "Connections of clients that were closed because limits.maxConnections were open: turned_away (a newcomer), gave_way (an idle one, for a newcomer).",
      },
      "which",
      crowdings,
    ),
    stalledClients: make.counters(
      {
        name: "revgate_stalled_clients_total",
        help: "Clients that were disconnected because they read nothing (limits.sendTimeout), or sent nothing of a body (limits.receiveTimeout).",
      },
      "stopped",
      ["reading", "sending"],
    ),
  };
}
