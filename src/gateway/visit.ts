import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { type BodyFields, readRequestFields } from "../http/body-fields.ts";
import { HeaderList } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import { type ClientRequest, knowsInterimResponses } from "../node-http/client-request.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { TakeBodyPlace } from "./body-places.ts";
import type { BodyTurns } from "./body-turns.ts";
import { originForm } from "./origin-form.ts";
import type { SecretSegments } from "./path-for-log.ts";
import type { Peer } from "./peer.ts";
import type { BodyOptions } from "./refusal-body.ts";
import { type GatheredBody, gatherBody, type ReceivedBody } from "./request-body.ts";
import { refusalReasons } from "./verdict.ts";

/** How a request ended, for metrics and logs: refused for one of the reasons, or one of these. */
export const outcomes = [
  ...refusalReasons,
  "forwarded",
  "preflight_answered",
  "logout_answered",
  "allowed",
  "client_gone",
  "client_stalled",
  "broken_off",
  "cut",
] as const;
/** One of them. */
export type Outcome = (typeof outcomes)[number];

/** One request on its way: what was received, and when. */
export interface Visit {
  readonly request: ClientRequest;
  /** Undefined for an upgrade, whose request has no body. */
  readonly answer: Answer | undefined;
  readonly headers: HeaderList;
  /** What is asked for; in origin form unless it is refused. */
  readonly target: string;
  readonly requestId: string;
  readonly peer: Peer;
  /** Milliseconds of `performance.now()`. */
  readonly startedMs: number;
  /** When the checks were done, and when the application's answer began; where spans are exported. */
  readonly times: { checkedMs: number | undefined; headMs: number | undefined } | undefined;
  /** Set on routes that need the body, when that has been read. */
  body: ReceivedBody | undefined;
  /** Set for a WebSocket handshake: on some routes its token may come later. */
  isHandshake: boolean;
  /** Whether it could do without its token: a refusal says so. */
  mayOmitToken: boolean;
  /** The token that it was judged by last. */
  credential: string | undefined;
  /** Texts of refusals on its route that replace the others. */
  messages: BodyOptions["messages"] | undefined;
  /** Segments of its path that are in no log. */
  secretSegments: SecretSegments;
  /** The token for which it is refused, if it was to be used once: its session ends. */
  reusedToken: VerifiedToken | undefined;
  /** What the token is called in the denylist for which the request is refused. */
  refusedToken: string | undefined;
  /** Whether it has waited until signatures may be checked for it. */
  hasTurn: boolean;
  /** Credentials for which a key was sought already: that happens once a request. */
  keysSoughtFor: Set<string> | undefined;
}

/** What requests are received with. */
export interface Reception {
  readonly readPeer: (socket: Socket) => Peer;
  /** Whether the times of a request's steps are kept. */
  readonly keepsTimes: boolean;
}

const acceptableRequestId = /^[\w.:+/=@-]{1,128}$/;

/** Takes note of a request: its headers as sent, its id (its own where that can stand in a log), its peer. */
export function beginVisit(reception: Reception, request: ClientRequest, answer?: Answer): Visit {
  const headers = new HeaderList(request.rawHeaders);
  const [sentId, ...moreIds] = headers.all("x-request-id");
  const accepted = sentId !== undefined && moreIds.length === 0 && acceptableRequestId.test(sentId);
  return {
    request,
    answer,
    headers,
    target: originForm(request, headers.first("host")),
    requestId: accepted ? sentId : randomUUID(),
    peer: reception.readPeer(request.socket),
    startedMs: performance.now(),
    times: reception.keepsTimes ? { checkedMs: undefined, headMs: undefined } : undefined,
    body: undefined,
    isHandshake: false,
    mayOmitToken: false,
    credential: undefined,
    messages: undefined,
    secretSegments: undefined,
    reusedToken: undefined,
    refusedToken: undefined,
    hasTurn: false,
    keysSoughtFor: undefined,
  };
}

/** How bodies are read before it is known whether their requests may pass. */
export interface BodyChecks {
  /** The longest body, in bytes, that is read for the sake of what is in it. */
  readonly bodyBytes: number;
  readonly takeBodyPlace: TakeBodyPlace;
  readonly bodyTurns: BodyTurns;
}

/** Has the body of a request come before it is known whether the request may pass, and waits until it may be read. */
export function awaitBody(
  visit: Visit,
  { bodyBytes, takeBodyPlace, bodyTurns }: BodyChecks,
): Promise<GatheredBody> {
  askForBody(visit);
  return gatherBody(visit.request, visit.headers, {
    maxBytes: bodyBytes,
    takePlace: (onGivenAway) => takeBodyPlace(visit, onGivenAway),
    onStall: (listener) => visit.answer?.onStall(listener),
    waitForTurn: () => bodyTurns.wait(visit),
  });
}

const unreadable: BodyFields = { kind: "unreadable" };

/** Reads what has come of a request's body. */
export function readBody(visit: Visit, { bytes, isWhole, brokenOff }: GatheredBody): void {
  const fields = isWhole ? readRequestFields(bytes, visit.headers) : unreadable;
  visit.body = { bytes, fields, brokenOff };
}

/** Has a client that waits for it go on (RFC 9110 section 10.1.1); an HTTP/1.0 client would take it for the answer. */
export function askForBody({ request, answer, headers, body }: Visit): void {
  const waits = body === undefined && headers.has("expect");
  if (waits && knowsInterimResponses(request)) answer?.sendContinue();
}
