import type { FieldLines } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import type { ClientRequest } from "../node-http/client-request.ts";
import type { Hold } from "./held-response.ts";
import type { UpstreamFailure } from "./upstream-error.ts";

/** How a forwarded request ended. */
export type ForwardOutcome =
  /** The whole response was passed on. */
  | { readonly kind: "completed"; readonly status: number }
  /** No response head came; nothing was sent to the client yet. */
  | { readonly kind: "failed"; readonly reason: UpstreamFailure; readonly cause: Error }
  /** The response broke off after its head; the client's connection was broken off too. */
  | { readonly kind: "broken_off"; readonly cause: Error }
  /** The hold refused to release the response; nothing was sent to the client yet. */
  | { readonly kind: "withheld"; readonly cause: Error }
  /** It was cut, perhaps before anything was sent to the client. */
  | { readonly kind: "cut" }
  /** The client went away. */
  | { readonly kind: "client_gone" }
  /** The client did not read its answer, and was given up. */
  | { readonly kind: "client_stalled" }
  /** The client did not send the rest of its request; nothing was sent to it yet. */
  | { readonly kind: "request_incomplete" };

/** Cuts an answer; with trailers, it ends with those. */
export type CutAnswer = (trailers: FieldLines | undefined) => void;

/** One request to forward, and who is told what becomes of it. */
export interface ForwardOptions {
  readonly request: ClientRequest;
  readonly answer: Answer;
  /** The network of its client. */
  readonly network: () => string;
  /** In origin form. */
  readonly target: string;
  /** What was read of the request's body by now. */
  readonly received?: Buffer | undefined;
  readonly headers: FieldLines;
  /** What is passed on of the trailers behind its body. */
  readonly passTrailers: (trailers: FieldLines) => FieldLines;
  /** Whether revgate names itself in the `Via` of the response. */
  readonly addsVia: boolean;
  /** How long the head of the response may take, if that is more than others have. */
  readonly responseTimeoutMs?: number | undefined;
  /** Whether the response may pause for as long as it likes. */
  readonly streams: boolean;
  /** Set for a request that must be seen through even when its client goes away. */
  readonly hold: Hold | undefined;
  /** Told once when the response head arrives, before the hold. */
  readonly onHead: (headers: FieldLines) => void;
  /**
   * Told once where the response is not over as soon as it begins, with what cuts it; what it returns is
   * called when the response has ended.
   */
  readonly onStreaming: (cut: CutAnswer) => () => void;
  /** Whether a request that had to wait for a connection may still go; else it is cut. */
  readonly mayStillGo?: (() => boolean) | undefined;
  /** Told once how it ended. */
  readonly onEnd: (outcome: ForwardOutcome) => void;
}
