import { constants, type ServerHttp2Stream, type ServerOptions } from "node:http2";
import type { Socket } from "node:net";
import { maxHeaderLines } from "../gateway/framing.ts";
import type { FieldLines } from "../http/field-lines.ts";
import { blockBytes } from "../http/http2-fields.ts";
import { Http2Answer } from "../node-http/http2/http2-answer.ts";
import { Http2Request } from "../node-http/http2/http2-request.ts";
import { type ParserError, takeOver } from "../node-http/http2/take-over.ts";
import { lineOf } from "../node-http/in-order.ts";
import type { Http2Fault } from "../observability/metrics/requests.ts";
import type { Standing } from "./connection-places.ts";
import { Http2Connection, type Http2Limits } from "./http2-connection.ts";
import type { Stall } from "./stalled-clients.ts";
import { type Occupant, StreamPlaces } from "./stream-places.ts";
import type { WatchedRequest } from "./watched-request.ts";

/** Who answers requests of HTTP/2, and who is told what clients do wrong. */
export interface Http2Handlers {
  handle(request: Http2Request, answer: Http2Answer): void;
  /** The network of a request's client, as it is told apart from others. */
  networkOf(socket: Socket, fields: FieldLines): string;
  /** Whether a connection is a trusted proxy's, which sends requests of many clients on it. */
  isShared(socket: Socket): boolean;
  /** A request whose head is larger than `headerBytes`. */
  refuseTooLarge(request: Http2Request, answer: Http2Answer): void;
  onStall(stall: Stall): void;
  onFault(fault: Http2Fault, socket: Socket, cause: string): void;
  onUncaught(error: unknown): void;
}

const checkEveryMs = 1000;
/** Pseudo-header fields, and one line more than may pass, so that it shows. */
const moreFields = 5;
/** What counts for each field beside its bytes (RFC 9113 section 6.5.2), and beside them in HTTP/1.1. */
const [fieldBytes, lineBytes] = [32, 4];
/** The most of a body, in bytes, that waits for its reader: the window that each stream has from the start. */
const windowBytes = 65_535;

/**
 * The connections of clients that speak HTTP/2. They begin as connections of HTTP/1.1, whose limits hold until
 * the preface has been read.
 */
export class Http2Connections {
  readonly #handlers: Http2Handlers;
  readonly #limits: () => Http2Limits;
  readonly #open = new Map<Socket, Http2Connection>();
  readonly #taken = new WeakSet<Socket>();
  #timer: NodeJS.Timeout | undefined;
  readonly #places: StreamPlaces;
  #draining = false;

  constructor(limits: () => Http2Limits, handlers: Http2Handlers) {
    this.#limits = limits;
    this.#places = new StreamPlaces(() => limits().maxConnections);
    this.#handlers = handlers;
  }

  /** Connections that are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Requests in progress on all of them. */
  get requests(): number {
    return this.#places.size;
  }

  /** Whether a connection speaks HTTP/2, or did. */
  has(socket: Socket): boolean {
    return this.#taken.has(socket);
  }

  /** What one is open for. */
  standingOf(socket: Socket): Standing {
    return this.#open.get(socket)?.standing ?? "idle";
  }

  /** Closes one, whatever is in progress. */
  end(socket: Socket): void {
    this.#open.get(socket)?.end();
  }

  /**
   * Goes on with a connection on which the parser of HTTP/1.1 has met the preface; false if it has not, or not before
   * all else.
   */
  take(socket: Socket, error: ParserError): boolean {
    if (lineOf(socket).asked) return false;
    const session = takeOver(socket, error, optionsFor(this.#limits()));
    if (session === undefined) return false;
    const connection = new Http2Connection(session, socket, this.#handlers);
    this.#taken.add(socket);
    this.#open.set(socket, connection);
    this.#timer ??= setInterval(() => this.#check(), checkEveryMs).unref();
    session.on(
      "stream",
      (stream: ServerHttp2Stream, _: unknown, flags: number, raw: FieldLines) => {
        this.#begin(connection, stream, { flags, fields: raw });
      },
    );
    socket.once("close", () => this.#forget(socket));
    return true;
  }

  /** Has clients use another connection for what they ask next; what is in progress goes on. */
  leave(): void {
    this.#draining = true;
    for (const connection of this.#open.values()) connection.leave();
  }

  #begin(
    connection: Http2Connection,
    stream: ServerHttp2Stream,
    { flags, fields }: { readonly flags: number; readonly fields: FieldLines },
  ): void {
    stream.on("error", () => {});
    if (stream.destroyed) {
      connection.countReset();
      return;
    }
    const limits = this.#limits();
    const network = this.#handlers.networkOf(connection.socket, fields);
    if (!this.#places.makeRoom(network)) {
      const isShared = this.#handlers.isShared(connection.socket);
      const cause = `refused: too many requests in progress, of ${network} and in all`;
      connection.crowd(cause, isShared);
      // A client's own connection does not carry requests for nothing; a proxy's can't know.
      if (isShared) connection.countHead(fields);
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
    const { socket } = connection;
    const count = (bytes: number) => connection.count(bytes);
    const request = new Http2Request(stream, { fields, hasBody, socket, count });
    const answer = new Http2Answer(stream, request);
    const watched = connection.add(stream, { request, answer });
    const place = new Place(watched, connection, { network, handlers: this.#handlers });
    stream.once("close", this.#places.take(network, place));
    try {
      if (sizeOf(fields) > limits.headerBytes) this.#handlers.refuseTooLarge(request, answer);
      else this.#handlers.handle(request, answer);
    } catch (error) {
      this.#handlers.onUncaught(error);
      answer.abandon();
    }
    if (this.#draining) connection.leave();
  }

  #check(): void {
    const nowMs = performance.now();
    const limits = this.#limits();
    for (const connection of this.#open.values()) connection.check(nowMs, limits);
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A request, as far as its place is concerned. A class, not a literal with getters: one is made for every request. */
class Place implements Occupant {
  readonly #watched: WatchedRequest;
  readonly #connection: Http2Connection;
  readonly #network: string;
  readonly #handlers: Pick<Http2Handlers, "isShared">;

  constructor(
    watched: WatchedRequest,
    connection: Http2Connection,
    of: { readonly network: string; readonly handlers: Pick<Http2Handlers, "isShared"> },
  ) {
    this.#watched = watched;
    this.#connection = connection;
    this.#network = of.network;
    this.#handlers = of.handlers;
  }

  get standsStill(): boolean {
    return this.#watched.standsStill;
  }

  get isKept(): boolean {
    return this.#watched.exchange.answer.isKept;
  }

  giveWay(): void {
    const { request, answer } = this.#watched.exchange;
    if (this.standsStill) answer.giveUp();
    else answer.abandon();
    const cause = `${this.#network} had the most requests in progress; one gave way`;
    this.#connection.crowd(cause, this.#handlers.isShared(request.socket));
  }
}

/** What a head takes as HTTP/1.1 would write it, in bytes. */
function sizeOf(fields: FieldLines): number {
  let bytes = (fields.length / 2) * lineBytes;
  for (const text of fields) bytes += text.length;
  return bytes;
}

function optionsFor({ streams, headerBytes }: Http2Limits): ServerOptions {
  const maxFields = maxHeaderLines + moreFields + 1;
  return {
    maxHeaderListPairs: maxFields,
    maxSendHeaderBlockLength: blockBytes(headerBytes),
    settings: {
      maxConcurrentStreams: streams,
      // What is only a little larger is refused in words.
      maxHeaderListSize: headerBytes + maxFields * fieldBytes,
      initialWindowSize: windowBytes,
    },
  };
}
