import { Agent, type ClientRequest, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import httpProxy from "http-proxy";
import { type FieldLines, writeFields } from "../http/field-lines.ts";
import { writeInterim } from "../node-http/interim.ts";
import type { ApplicationOptions } from "./application.ts";
import { createDial } from "./dial.ts";
import type { Hold } from "./held-response.ts";
import { InterimResponses } from "./interim-responses.ts";
import { type OpenUpgrade, openUpgrade } from "./open-upgrade.ts";
import { replaceNextHead } from "./replaced-write.ts";
import { offersUpgrade, responseHeaders, switchHeaders } from "./response-headers.ts";
import { UpstreamError, type UpstreamFailure } from "./upstream-error.ts";

const switchingProtocols = 101;
const maxListeners = 20;

/** One upgrade to forward, and who is told what becomes of it. */
export interface UpgradeOptions {
  readonly request: IncomingMessage;
  /** In origin form. */
  readonly target: string;
  /** The client's connection. */
  readonly socket: Duplex;
  /** What the client sent behind its request. */
  readonly head: Buffer;
  /** The header section as it is sent, `Connection` and `Upgrade` included. */
  readonly headers: FieldLines;
  /** Told once when the application has answered, with its status: 101 where it switched protocols. */
  readonly onAnswer: (status: number) => void;
  /** Told once when bytes go both ways, with what ends that. */
  readonly onOpen: (open: OpenUpgrade) => void;
  /**
   * What the client's bytes go through on their way to the application, from the first on, on a connection that no
   * token has been seen for; undefined: nothing.
   */
  readonly through?: ((open: OpenUpgrade) => Duplex) | undefined;
  /** What looks at the head of the answer first. One that does not switch waits for it; its body is not shown. */
  readonly hold?: Hold | undefined;
  /** Told in place of `onAnswer` if the application answers 2xx without switching; undefined: such an answer passes. */
  readonly onUnswitched?: (() => void) | undefined;
  /** Told once when the application did not answer; nothing was sent to the client. */
  readonly onFailure: (reason: UpstreamFailure, cause: Error) => void;
}

/** Carries an upgrade request to the application, and from then on bytes both ways. */
export type UpgradeForwarder = (options: UpgradeOptions) => void;

/**
 * Makes the forwarder of WebSocket connections.
 *
 * http-proxy does the switching; what it leaves open is closed here: both heads are sent line by line as they
 * came, an application that refuses the upgrade is answered in full with headers that fit the body, one that is
 * silent is given up after `responseTimeoutMs`, and either end that goes takes the other with it.
 */
export function createUpgradeForwarder(options: ApplicationOptions): UpgradeForwarder {
  const dial = createDial(options);
  const proxy = httpProxy.createProxyServer({
    // What it connects to is up to the agent of each request.
    target: { protocol: "http:", host: "localhost", port: 80 },
    prependPath: false,
    // The target goes out as it came in; the other setting parses it and writes it anew.
    toProxy: true,
  });
  const underway = new WeakMap<IncomingMessage, (toApplication: ClientRequest) => void>();
  proxy.on("proxyReqWs", (toApplication, request) => underway.get(request)?.(toApplication));

  return (upgrade) => {
    const { request, socket, head, target, headers } = upgrade;
    // All that http-proxy looks for.
    request.headers = { connection: "Upgrade", upgrade: "websocket" };
    request.url = target;
    const settle = once();
    socket.on("error", () => socket.destroy());
    // Node takes more than ten for a leak; each part that ends with the connection is one, and no message adds any.
    socket.setMaxListeners(maxListeners);
    underway.set(request, (toApplication) =>
      watchAnswer(toApplication, { upgrade, settle, options }),
    );
    const agent = agentOf(() => {
      const toApplication = dial(() => {});
      replaceNextHead(toApplication, `GET ${target} HTTP/1.1\r\n${writeFields(headers)}\r\n`);
      return toApplication;
    });
    proxy.ws(request, socket, head, { agent }, (error) => {
      settle(() => upgrade.onFailure("upstream_unreachable", error));
    });
  };
}

/** An agent for one request. */
function agentOf(createConnection: () => Duplex): Agent {
  return Object.assign(new Agent(), { createConnection });
}

/** Acts on the first of several endings. */
type Settle = (act: () => void) => void;

function once(): Settle {
  let settled = false;
  return (act) => {
    if (settled) return;
    settled = true;
    act();
  };
}

interface Watch {
  readonly upgrade: UpgradeOptions;
  readonly settle: Settle;
  readonly options: ApplicationOptions;
}

function watchAnswer(toApplication: ClientRequest, watch: Watch): void {
  const { upgrade, settle, options } = watch;
  const timer = setTimeout(() => {
    settle(() => upgrade.onFailure("upstream_timeout", new Error("no answer to the upgrade")));
    toApplication.destroy();
  }, options.responseTimeoutMs);
  toApplication.on("close", () => clearTimeout(timer));
  upgrade.socket.on("close", () => toApplication.destroy());
  passInterim(toApplication, watch);
  // http-proxy relays a refusal with framing that no longer fits its body. Its listener is added right
  // after this function, and goes before any answer can come.
  process.nextTick(() => {
    toApplication.removeAllListeners("response").on("response", (answer) => {
      clearTimeout(timer);
      if (answer.statusCode === switchingProtocols) {
        toApplication.destroy(new UpstreamError("malformed", "a 101 that names no protocol"));
      } else if (upgrade.onUnswitched !== undefined && isSuccess(answer)) {
        settle(upgrade.onUnswitched);
        toApplication.destroy();
      } else settle(() => relayWhenSeen(answer, upgrade, options.addsVia));
    });
  });
  toApplication.on("upgrade", (answer, upstreamSocket: Duplex) => {
    clearTimeout(timer);
    settle(() => open(answer, upstreamSocket, watch));
  });
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Passes on the interim responses before the answer. */
function passInterim(toApplication: ClientRequest, { upgrade, options }: Watch): void {
  const interim = new InterimResponses(
    upgrade.request,
    (head) => writeInterim(upgrade.socket, head),
    options.addsVia,
  );
  toApplication.on("information", ({ statusCode, statusMessage, rawHeaders, httpVersion }) => {
    const head = { status: statusCode, reason: statusMessage, headers: rawHeaders };
    try {
      interim.pass({ ...head, version: httpVersion });
    } catch (error) {
      toApplication.destroy(error as Error);
    }
  });
}

/** The application has switched protocols: http-proxy sends the head that is put in its place, and then pipes. */
function open(answer: IncomingMessage, upstreamSocket: Duplex, { upgrade, options }: Watch): void {
  const { socket } = upgrade;
  const passed = writeFields(switchHeaders(headOf(answer), options.addsVia));
  replaceNextHead(socket, `HTTP/1.1 101 ${answer.statusMessage}\r\n${passed}\r\n`);
  upgrade.onAnswer(switchingProtocols);
  // http-proxy answers in this tick: what the head hands out is noted while it is on its way.
  void showHead(answer, upgrade)?.catch(() => {});
  const opened = openUpgrade(socket, upstreamSocket);
  upgrade.onOpen(opened);
  if (upgrade.through !== undefined) {
    pipeThrough(upgrade.through(opened), socket, upstreamSocket);
  }
  // What the application sent last still reaches the client.
  upstreamSocket.on("close", () => socket.end(() => socket.destroy()));
  upstreamSocket.on("error", () => upstreamSocket.destroy());
  socket.on("close", () => upstreamSocket.destroy());
}

/** Puts something between client and application, before anything flows: http-proxy pipes one into the other in this tick. */
function pipeThrough(between: Duplex, socket: Duplex, upstreamSocket: Duplex): void {
  between.on("error", () => socket.destroy());
  socket.on("close", () => between.destroy());
  process.nextTick(() => {
    socket.unpipe(upstreamSocket);
    socket.pipe(between).pipe(upstreamSocket);
  });
}

function showHead(answer: IncomingMessage, { hold }: UpgradeOptions): Promise<void> | undefined {
  const { status, headers } = headOf(answer);
  return hold?.onResponse({ status, headers, readBody: async () => undefined, trailers: () => [] });
}

/** Passes on an answer that is not 101, when its head has been seen. */
function relayWhenSeen(answer: IncomingMessage, upgrade: UpgradeOptions, addsVia: boolean): void {
  const relay = () => relayRefusal(answer, upgrade, addsVia);
  const seen = showHead(answer, upgrade);
  if (seen === undefined) relay();
  else seen.then(relay, () => upgrade.socket.destroy());
}

/** Passes on an answer that is not 101; the connection ends with it, which also ends a body without length. */
function relayRefusal(answer: IncomingMessage, upgrade: UpgradeOptions, addsVia: boolean): void {
  const { request, socket } = upgrade;
  const head = headOf(answer);
  upgrade.onAnswer(head.status);
  // Its body comes out of its chunks, and nothing can follow it.
  const headers = responseHeaders(head, { method: request.method, httpVersion: "1.0" }, addsVia);
  const connection = offersUpgrade(head.status, headers) ? "close, Upgrade" : "close";
  const line = `HTTP/1.1 ${head.status} ${answer.statusMessage}\r\n`;
  socket.write(`${line}${writeFields(headers)}Connection: ${connection}\r\n\r\n`, "latin1");
  answer.on("error", () => socket.destroy());
  answer.on("close", () => {
    if (!answer.complete) socket.destroy();
  });
  answer.pipe(socket);
}

function headOf({ statusCode = 0, httpVersion, rawHeaders }: IncomingMessage) {
  return { status: statusCode, version: httpVersion, headers: rawHeaders };
}
