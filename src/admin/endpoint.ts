import type { IncomingMessage, ServerResponse } from "node:http";
import type { AdminAnswer } from "./answer.ts";

/** A request to the admin port, on its way to an endpoint. */
export interface AdminExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What stands behind the `?`. */
  readonly query: URLSearchParams;
  /** Who sent it, as far as limits tell peers apart. */
  readonly peer: string;
  /** Call this when the sender is believed: its connection is not given to another any more. */
  readonly onBelieved: () => void;
}

/** One thing that the admin port answers. */
export interface Endpoint {
  /**
   * `own`: only a request whose Host is the listener's own, so that no page gets in by a name of its own.
   * `any`: probes, Prometheus, and events, which are believed by their signature.
   */
  readonly hosts: "own" | "any";
  /** Whether every request is written to the log. */
  readonly audited: boolean;
  /** May reject: the listener answers 500 then, and it counts as a defect. */
  readonly answer: (exchange: AdminExchange) => AdminAnswer | Promise<AdminAnswer>;
}

/** Endpoints by method and path, such as `POST /revoke`. */
export type Endpoints = ReadonlyMap<string, Endpoint>;
