import { Socket } from "node:net";
import type { Peer } from "../../gateway/peer.ts";
import { beginVisit, type Visit } from "../../gateway/visit.ts";
import type { ReportUncaught } from "../../observability/uncaught.ts";
import type { DecisionGate, QuestionRefusal } from "../decision-server.ts";
import { makeRequest } from "../original-request.ts";
import type { AskedHead } from "./header-lines.ts";

/** What Envoy's questions are answered by; a reload puts another in its place. */
export interface GrpcGate extends DecisionGate {
  /** The client of which Envoy tells the address; of its own headers only those of `listen.trustedProxies` count. */
  readonly readClient: ReadTold;
  /** The gateway itself, which is believed what it says of clients. */
  readonly readGateway: ReadTold;
}

type ReadTold = (told: { readonly address: string; readonly proto: Peer["proto"] }) => Peer;

/** What the services share. */
export interface GrpcService {
  /** Throws if nothing is in force. */
  readonly gate: () => GrpcGate;
  readonly onRefused: (refusal: QuestionRefusal, peer: string, why: string) => void;
  readonly onUncaught: ReportUncaught;
  /** Runs the steps of an answer; what they throw is answered with an error, which Envoy takes for no yes. */
  readonly guard: (respond: FailCall, steps: () => void | Promise<void>) => void;
}

/** Ends a call with an error. */
export type FailCall = (error: { readonly code: number; readonly details: string }) => void;

/** The codes of gRPC that questions are refused with. */
export const codes = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  internal: 13,
  unavailable: 14,
} as const;

/** Refuses a question that does not say which request it is about. */
export function notRead(
  { onRefused }: Pick<GrpcService, "onRefused">,
  call: { getPeer(): string },
  fail: FailCall,
  why: string,
): void {
  onRefused("question", addressOf(call.getPeer()), why);
  fail({ code: codes.invalidArgument, details: why });
}

/** Questions come by connections that are not a client's. */
const noConnection = new Socket();

/** Takes note of the request that a question is about; `tooLong`: its head is longer than clients may send one. */
export function beginAsked(
  gate: GrpcGate,
  { line, headers, scheme }: Exclude<AskedHead, { why: string }>,
  from: { readonly address: string | undefined; readonly gateway: string },
): { readonly visit: Visit; readonly tooLong: boolean } {
  const proto = scheme === "https" ? "https" : "http";
  const peer = from.address
    ? gate.readClient({ address: from.address, proto })
    : gate.readGateway({ address: addressOf(from.gateway), proto });
  const request = makeRequest(noConnection, line, headers);
  const visit = beginVisit({ readPeer: () => peer, keepsTimes: gate.keepsTimes }, request);
  const { method, target } = line;
  let bytes = method.length + target.length;
  for (const text of request.rawHeaders) bytes += text.length;
  return { visit, tooLong: bytes > gate.headerBytes };
}

/** Of `10.0.0.7:40312` and `::1:40312`, as gRPC writes them. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, "");
}
