import type { IncomingMessage, ServerResponse } from "node:http";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { createBuckets } from "../platform/buckets.ts";
import { type AdminAnswer, type Distrust, refusal, send, tooManyRequests } from "./answer.ts";
import { type Audit, auditEventOf } from "./audit.ts";
import type { AdminExchange, Endpoint, Endpoints } from "./endpoint.ts";
import { namesOwnHost } from "./hosts.ts";
import { peerOf } from "./peer.ts";

/** Who answers, who is told, and what catches what no one else does. */
export interface DispatchOptions {
  /** Of two endpoints with one name the first counts. Asked for each request, since a reload changes them. */
  readonly endpoints: () => readonly Endpoints[];
  /** Names under which the listener may be reached besides its addresses. */
  readonly hosts: () => readonly string[];
  readonly audit: Audit;
  /** Told of each request whose sender was not believed. */
  readonly onDistrust: (reason: Distrust | "too_many") => void;
  readonly onUncaught: ReportUncaught;
}

/** Answers one request. `work` keeps its connection from being given to another; it returns what ends that. */
export type Dispatch = (
  request: IncomingMessage,
  response: ServerResponse,
  work: () => () => void,
) => Promise<void>;

/** How often in a second one peer is told why it is not believed, with a line in the log each. */
const distrustsPerSecond = 10;

/**
 * Makes the way of a request to the admin port: endpoint, Host, answer, audit.
 *
 * It never rejects. Whatever an endpoint throws is answered with 500 and reported: that is a defect.
 */
export function createDispatch(options: DispatchOptions): Dispatch {
  const { onUncaught } = options;
  const judge = createDistrust(options);

  return async (request, response, work) => {
    let end = () => {};
    const onBelieved = () => {
      end = work();
    };
    try {
      const { endpoint, exchange } = find(request, response, { options, onBelieved });
      const given = await answerTo(endpoint, exchange, options);
      const { answer, audited } = judge(exchange, given);
      if (audited && (endpoint.audited || answer.distrust !== undefined)) {
        options.audit(auditEventOf(request, answer));
      }
      send(request, response, answer);
    } catch (error) {
      onUncaught("admin", error);
      if (response.headersSent) response.destroy();
      else send(request, response, serverError);
    } finally {
      end();
    }
  };
}

function find(
  request: IncomingMessage,
  response: ServerResponse,
  { options, onBelieved }: { options: DispatchOptions; onBelieved: () => void },
): { readonly endpoint: Endpoint; readonly exchange: AdminExchange } {
  // Not by URL: what a client sends need not be one.
  const [path = "", ...query] = (request.url ?? "").split("?");
  const method = request.method === "HEAD" ? "GET" : request.method;
  const name = `${method} ${path}`;
  const endpoint = options
    .endpoints()
    .find((each) => each.has(name))
    ?.get(name);
  const exchange = {
    ...{ request, response, onBelieved },
    // Taken apart only by what looks for something in it.
    get query() {
      return new URLSearchParams(query.join("?"));
    },
    peer: peerOf(request.socket),
  };
  return { endpoint: endpoint ?? (method === "GET" ? notFound : notAllowed), exchange };
}

async function answerTo(
  endpoint: Endpoint,
  exchange: AdminExchange,
  { hosts, onUncaught }: DispatchOptions,
): Promise<AdminAnswer> {
  if (endpoint.hosts === "own" && !namesOwnHost(exchange.request, hosts())) return foreignHost;
  try {
    return await endpoint.answer(exchange);
  } catch (error) {
    onUncaught("admin", error);
    return serverError;
  }
}

/** Limits what a peer that is not believed can do: it costs a comparison, and no line in the log. */
function createDistrust({ onDistrust }: DispatchOptions) {
  const isTold = createBuckets(distrustsPerSecond);
  return (
    { peer }: AdminExchange,
    answer: AdminAnswer,
  ): { answer: AdminAnswer; audited: boolean } => {
    const { distrust } = answer;
    if (distrust === undefined) return { answer, audited: true };
    onDistrust(distrust);
    if (isTold(peer)) return { answer, audited: true };
    onDistrust("too_many");
    return { answer: tooManyRequests, audited: false };
  };
}

const plain = (status: number, text: string, headers = {}): Endpoint => ({
  hosts: "any",
  audited: false,
  answer: () => ({ status, text: { type: "text/plain", text }, headers }),
});
const notFound = plain(404, "Try /, /healthz, /readyz or /metrics.\n");
const notAllowed = plain(405, "Only GET is answered here.\n", { Allow: "GET, HEAD" });

const serverError = refusal(500, "server_error");
const foreignHost: AdminAnswer = {
  ...refusal(421, "foreign_host", "this Host is not one of the listener's; see admin.hosts"),
  distrust: "host",
};
