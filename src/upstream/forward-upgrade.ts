import type { ClientRequest, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import httpProxy from "http-proxy";
import { eachField, type FieldLines, writeFields } from "../http/field-lines.ts";
import { type ApplicationOptions, tlsServername } from "./application.ts";
import { responseHeaders } from "./headers.ts";
import { type OpenUpgrade, openUpgrade } from "./open-upgrade.ts";
import type { UpstreamFailure } from "./upstream-error.ts";

/** One upgrade to forward, and who is told what becomes of it. */
export interface UpgradeOptions {
  readonly request: IncomingMessage;
  /** The client's connection. */
  readonly socket: Duplex;
  /** What the client sent behind its request. */
  readonly head: Buffer;
  /** Without hop-by-hop headers. */
  readonly headers: FieldLines;
  /** Told once when the application has answered, with its status: 101 where it switched protocols. */
  readonly onAnswer: (status: number) => void;
  /** Told once when bytes go both ways, with what ends that. */
  readonly onOpen: (open: OpenUpgrade) => void;
  /** Told once when the application did not answer; nothing was sent to the client. */
  readonly onFailure: (reason: UpstreamFailure, cause: Error) => void;
}

/** Carries an upgrade request to the application, and from then on bytes both ways. */
export type UpgradeForwarder = (options: UpgradeOptions) => void;

/**
 * Makes the forwarder of WebSocket connections.
 *
 * http-proxy does the switching; what it leaves open is closed here: an application that refuses the
 * upgrade is answered in full with headers that fit the body, one that is silent is given up after
 * `responseTimeoutMs`, and either end that goes takes the other with it.
 */
export function createUpgradeForwarder(options: ApplicationOptions): UpgradeForwarder {
  const { url, ca } = options;
  const proxy = httpProxy.createProxyServer({
    target: {
      protocol: url.protocol,
      host: url.hostname,
      port: url.port,
      ...(ca === undefined ? {} : { ca: ca.toString() }),
    },
    prependPath: false,
    // The target goes out as it came in; the other setting parses it and writes it anew.
    toProxy: true,
    secure: true,
    ssl: { servername: tlsServername(url) },
  });
  const underway = new WeakMap<IncomingMessage, (toApplication: ClientRequest) => void>();
  proxy.on("proxyReqWs", (toApplication, request) => underway.get(request)?.(toApplication));

  return (upgrade) => {
    const { request, socket, head } = upgrade;
    request.headers = upgradeHeaders(upgrade.headers);
    const settle = once();
    socket.on("error", () => socket.destroy());
    underway.set(request, (toApplication) => {
      watchAnswer(toApplication, { upgrade, settle, timeoutMs: options.responseTimeoutMs });
    });
    proxy.ws(request, socket, head, {}, (error) => {
      settle(() => upgrade.onFailure("upstream_unreachable", error));
    });
  };
}

/** Acts on the first of several endings. */
function once(): (act: () => void) => void {
  let settled = false;
  return (act) => {
    if (settled) return;
    settled = true;
    act();
  };
}

interface Watch {
  readonly upgrade: UpgradeOptions;
  readonly settle: (act: () => void) => void;
  readonly timeoutMs: number;
}

function watchAnswer(toApplication: ClientRequest, { upgrade, settle, timeoutMs }: Watch): void {
  const { socket } = upgrade;
  const timer = setTimeout(() => {
    settle(() => upgrade.onFailure("upstream_timeout", new Error("no answer to the upgrade")));
    toApplication.destroy();
  }, timeoutMs);
  toApplication.on("close", () => clearTimeout(timer));
  socket.on("close", () => toApplication.destroy());

  // http-proxy relays a refusal with framing that no longer fits its body. Its listener is added right
  // after this function, and goes before any answer can come.
  process.nextTick(() => {
    toApplication.removeAllListeners("response").on("response", (answer) => {
      clearTimeout(timer);
      settle(() => {
        upgrade.onAnswer(answer.statusCode ?? 0);
        relayRefusal(answer, socket);
      });
    });
  });
  toApplication.on("upgrade", (_answer, upstreamSocket: Duplex) => {
    clearTimeout(timer);
    settle(() => upgrade.onAnswer(101));
    upgrade.onOpen(openUpgrade(socket, upstreamSocket));
    // What the application sent last still reaches the client.
    upstreamSocket.on("close", () => socket.end(() => socket.destroy()));
    upstreamSocket.on("error", () => upstreamSocket.destroy());
    socket.on("close", () => upstreamSocket.destroy());
  });
}

/** Node's client takes repeated headers as arrays; http-proxy looks for its two in lower case. */
function upgradeHeaders(headers: FieldLines): NodeJS.Dict<string | string[]> {
  const grouped: Record<string, string | string[]> = {};
  const spelling = new Map<string, string>();
  for (const [name, value] of eachField(headers)) {
    const key = spelling.get(name.toLowerCase()) ?? name;
    spelling.set(name.toLowerCase(), key);
    const held = grouped[key];
    grouped[key] = held === undefined ? value : [held, value].flat();
  }
  return { ...grouped, connection: "Upgrade", upgrade: "websocket" };
}

/** Passes on an answer that is not 101; the connection ends with it, which also ends a body without length. */
function relayRefusal(answer: IncomingMessage, socket: Duplex): void {
  const line = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  const passed = writeFields(responseHeaders(answer.rawHeaders));
  socket.write(`${line}${passed}Connection: close\r\n\r\n`, "latin1");
  answer.on("error", () => socket.destroy());
  answer.on("close", () => {
    if (!answer.complete) socket.destroy();
  });
  answer.pipe(socket);
}
