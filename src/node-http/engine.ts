import { createServer, type IncomingMessage, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { bodyFramingOf, findField } from "../http/field-lines.ts";
import { asksForWebSocket, mayNominateUpgrade } from "../http/upgrade.ts";
import { answerDirectly } from "./direct-answers.ts";
import { GatheringRequest } from "./gathering-request.ts";
import { ProxyRequest, ProxyResponse } from "./http-messages.ts";
import { inOrder, type ReadAhead, type RequestListener } from "./in-order.ts";

/**
 * How clients' requests are served: `direct` uses names of Node that are not in its documentation, and
 * is faster; `node` uses none of them. The README beside this file has the list.
 */
export const engines = ["direct", "node"] as const;
/** One of them. */
export type Engine = (typeof engines)[number];

/** The major versions of Node on which all tests have passed with the engine `direct`. */
export const testedMajors: readonly number[] = [20, 22, 24, 26];

/** The engine that was asked for, as far as this version of Node (such as `20.18.1`) is known to bear it. */
export function engineFor(asked: Engine, nodeVersion: string): Engine {
  return testedMajors.includes(Number.parseInt(nodeVersion, 10)) ? asked : "node";
}

/**
 * Whether Node is to let go of a connection for a request with `Upgrade`. Since 22.21 and 24.9 Node asks, and
 * if the answer is yes it reads the body before: such a request would not be there to be served.
 */
function isLeftByNode({ rawHeaders }: IncomingMessage): boolean {
  return asksForWebSocket(rawHeaders) || bodyFramingOf(rawHeaders) === "none";
}

/**
 * What servers are made of on each engine. (Node's types tell servers apart by the classes of their
 * messages; no one here does.)
 */
const classes = {
  direct: { IncomingMessage: ProxyRequest, ServerResponse: ProxyResponse },
  node: { IncomingMessage: GatheringRequest, shouldUpgradeCallback: isLeftByNode },
} as unknown as Readonly<Record<Engine, ServerOptions>>;

/** What a server needs for TLS. */
export interface TlsServerOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The authorities whose certificates clients are asked for; undefined: they are not asked. */
  readonly ca?: Buffer | undefined;
}

/**
 * Makes a server on an engine; over TLS if there is a certificate. It does not listen yet. A client that shows
 * no certificate, or another than was asked for, is left to the code that answers its requests, unless
 * `rejectUnauthorized` is set.
 */
export function openServer(
  engine: Engine,
  options: ServerOptions &
    Partial<TlsServerOptions> & {
      /** How long a client may take for its TLS handshake, in milliseconds. */
      readonly handshakeTimeout?: number;
      /** Whether clients may choose HTTP/2 in their TLS handshake. */
      readonly http2?: boolean;
      /** Whether connections may go over to another protocol; `no`: a request to do so is one like any other. */
      readonly upgrades?: "yes" | "no";
    },
): Server {
  const { ca, http2, upgrades = "yes", ...others } = options;
  const asking = ca && { ca, requestCert: true, rejectUnauthorized: false };
  const protocols = http2 === true ? { ALPNProtocols: ["h2", "http/1.1"] } : {};
  const staying = upgrades === "no" && { shouldUpgradeCallback: () => false };
  const all = { ...classes[engine], ...staying, ...asking, ...others, ...protocols };
  return options.cert ? createTlsServer(all) : createServer(all);
}

/** Has `listener` answer the requests of a server, those of a connection one after the other. */
export function answerRequests(
  server: Server,
  engine: Engine,
  listener: RequestListener,
  readAhead?: ReadAhead,
): void {
  if (engine === "direct") answerDirectly(server, listener);
  const answer = engine === "direct" ? listener : endBehindUpgrades(listener);
  const handleRequest = inOrder(answer, readAhead);
  server.on("request", handleRequest);
  // 100 is sent when the verdict is yes; any other expectation is refused as ambiguous.
  server.on("checkContinue", handleRequest);
  server.on("checkExpectation", handleRequest);
}

/**
 * A request whose upgrade Node itself has ignored is the last of its connection: Node drops what came
 * behind it in the same packet.
 */
export function endBehindUpgrades(listener: RequestListener): RequestListener {
  return (request, answer) => {
    const { rawHeaders } = request;
    const wasIgnored = findField(rawHeaders, "upgrade") !== -1 && mayNominateUpgrade(rawHeaders);
    if (wasIgnored) answer.endConnection();
    listener(request, answer);
  };
}
