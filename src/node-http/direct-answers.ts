import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import { bodyFramingOf, findField } from "../http/field-lines.ts";
import { onConnection } from "./client-connections.ts";
import { type DirectConnection, Http1Answer } from "./http1-answer.ts";
import { isIgnoredUpgrade } from "./ignored-upgrades.ts";
import { type Line, lineOf, type RequestListener } from "./in-order.ts";

/** What Node's parser of requests has, and its types do not show. */
interface RequestParser {
  /** Called with each request when its head has come: makes the response, and tells the server's listeners. */
  onIncoming: OnIncoming | undefined;
  /** The request that is being received. */
  incoming: IncomingMessage | null;
}
/** A request; `upgrade`: whether it asks for another protocol, and bytes of that may follow. */
type ParsedRequest = IncomingMessage & { readonly upgrade?: boolean | null };
type OnIncoming = (request: ParsedRequest, keepsAlive: boolean) => number;

/** How Node's parser is told to take nothing behind a head for a body, and to stop there. */
const stopBehindHead = 2;

/**
 * Requests of one connection that are answered in one turn of the event loop; the last of them closes it (RFC 9112 section 9.3.2: the
 * client sends the rest again). A packet may hold two thousand, and all others would wait for them.
 */
const maxInTurn = 100;

const direct = new WeakMap<Server, DirectAnswers>();

/**
 * Has requests without a body answered past Node's responses, as long as they come one by one and are
 * answered as a whole; all others go Node's way, and so does such a one as soon as anything else happens.
 *
 * That needs `onIncoming`, which is not in Node's documentation. A Node that has something else there takes
 * all requests in its own way (decision 0022).
 */
export function answerDirectly(server: Server, listener: RequestListener): void {
  const answers = new DirectAnswers(server, listener);
  direct.set(server, answers);
  onConnection(server, (socket: Socket & { readonly parser?: RequestParser }) => {
    const { parser } = socket;
    const nodes = parser?.onIncoming;
    if (parser && typeof nodes === "function") answers.onConnection(socket, parser, nodes);
  });
}

/** Has every more request of a server go Node's way, which knows how to end its connections. */
export function answerByNode(server: Server): void {
  direct.get(server)?.end();
}

/** What is answered directly on one server. */
class DirectAnswers {
  readonly listener: RequestListener;
  readonly #server: Server;
  readonly #connections = new Set<ClientConnection>();
  /** All that are open, those that were let go of included. */
  readonly #bySocket = new WeakMap<Socket, ClientConnection>();
  #ended = false;

  constructor(server: Server, listener: RequestListener) {
    this.#server = server;
    this.listener = listener;
  }

  get keptMs(): number {
    return this.#server.keepAliveTimeout;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get maxHeaderLines(): number | null {
    return this.#server.maxHeadersCount;
  }

  /** Whether the server lets go of the connection of a request that asks for another protocol. */
  letsGo({ method }: IncomingMessage): boolean {
    return method === "CONNECT" || this.#server.listenerCount("upgrade") > 0;
  }

  /** Takes the requests that a parser reads; the connection may be one that was let go of and given back. */
  onConnection(socket: Socket, parser: RequestParser, nodes: OnIncoming): void {
    const connection = this.#bySocket.get(socket) ?? this.#add(socket);
    connection.readBy(parser, nodes);
    this.#connections.add(connection);
  }

  #add(socket: Socket): ClientConnection {
    const connection = new ClientConnection(this, socket);
    this.#bySocket.set(socket, connection);
    socket.once("close", () => {
      this.forget(connection);
      connection.onClose();
    });
    return connection;
  }

  forget(connection: ClientConnection): void {
    this.#connections.delete(connection);
  }

  end(): void {
    this.#ended = true;
    for (const connection of this.#connections) connection.settle();
  }
}

/** A client's connection. */
class ClientConnection implements DirectConnection {
  readonly socket: Socket;
  readonly #all: DirectAnswers;
  #parser: RequestParser | undefined;
  #nodes: OnIncoming | undefined;
  readonly #line: Line;
  /** How many came before in this turn, all of them answered. */
  #before = 0;
  /** Whether what comes next is a request that has been counted, without its upgrade. */
  #isPutBack = false;

  constructor(all: DirectAnswers, socket: Socket) {
    this.#all = all;
    this.socket = socket;
    this.#line = lineOf(socket);
  }

  /** `nodes`: what Node does with each request. */
  readBy(parser: RequestParser, nodes: OnIncoming): void {
    this.#parser = parser;
    this.#nodes = nodes;
    parser.onIncoming = (request, keepsAlive) => this.#take(request, keepsAlive, nodes);
  }

  get keptMs(): number {
    return this.#all.keptMs;
  }

  giveToNode({ request }: Http1Answer): void {
    this.#nodes?.(request, true);
  }

  onSent(answer: Http1Answer): void {
    // The connection may be idle for long: nothing of the request is kept, the token least of all.
    if (this.#parser?.incoming === answer.request) this.#parser.incoming = null;
    if (this.#line.current === answer) this.#line.current = undefined;
  }

  onClose(): void {
    this.#line.current?.onConnectionClosed();
  }

  /** What has been answered is sent, and what has not is Node's from now on. */
  settle(): void {
    this.#line.current?.flush();
    if (this.#line.current?.finished === false) void this.#line.current.stream;
  }

  #take(request: ParsedRequest, keepsAlive: boolean, nodes: OnIncoming): number {
    if (request.upgrade && this.#all.letsGo(request)) {
      return this.#letGo(request, keepsAlive, nodes);
    }
    // Nothing counts behind the last answer, and Node would keep a response for each of any number of requests.
    if (this.#line.current?.keepsConnection === false) return 0;
    this.#count();
    this.settle();
    if (request.upgrade || !keepsAlive || !this.#isFree() || !isPlain(request)) {
      return nodes(request, keepsAlive);
    }
    // Node's own, for an idle connection, of which it does not know that it is not any more.
    if (this.socket.timeout) this.socket.setTimeout(0);
    const answer = new Http1Answer(request, this);
    this.#line.current = answer;
    this.#line.asked = true;
    if (this.#before >= maxInTurn) answer.endConnection();
    this.#all.listener(request, answer);
    return 0;
  }

  /** However quiet it is from here on, that is its own affair; if something is in progress, it is closed. */
  #letGo(request: ParsedRequest, keepsAlive: boolean, nodes: OnIncoming): number {
    this.#all.forget(this);
    const isIgnored = isIgnoredUpgrade(request, this.#all.maxHeaderLines);
    // What is in progress ends in Node's way, which tells when.
    if (isIgnored) {
      this.#count();
      this.#isPutBack = true;
      this.settle();
    }
    const answer = nodes(request, keepsAlive);
    // Node 26 would read the body of a request before it lets go of the connection.
    return isIgnored ? stopBehindHead : answer;
  }

  /** Counts a request, if the one before was answered in this turn. */
  #count(): void {
    if (this.#isPutBack) this.#isPutBack = false;
    else this.#before = this.#line.current?.isDue === true ? this.#before + 1 : 0;
  }

  /** Whether nothing is in progress here, and the client takes what it is sent. */
  #isFree(): boolean {
    const { current } = this.#line;
    if (current !== undefined && !current.finished) return false;
    return !this.socket.writableNeedDrain && !this.#all.ended;
  }
}

/** HTTP/1.1 without a body, and without an expectation. */
function isPlain({ httpVersionMajor, httpVersionMinor, rawHeaders }: IncomingMessage): boolean {
  if (httpVersionMajor !== 1 || httpVersionMinor !== 1) return false;
  return findField(rawHeaders, "expect") === -1 && bodyFramingOf(rawHeaders) === "none";
}
