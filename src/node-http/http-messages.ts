import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { bodyFramingOf } from "../http/field-lines.ts";
import { atEndOfTurn } from "./end-of-turn.ts";
import { Crumbs } from "./gathering-request.ts";
import { textOf, type WholeAnswer } from "./whole-answers.ts";

/** What Node's own responses have, and its types do not show. A Node that has something else there gets every response in the long way. */
interface ResponseInternals {
  /** The head as it is sent; null as long as there is none. */
  _header: string | null;
  _headerSent: boolean;
  /** For how long, in milliseconds, the connection is kept after this response. */
  readonly _keepAliveTimeout: number;
}

/**
 * Node's class without its constructor, which begins a stream. Of the fields that it sets, those that are the
 * same in every request are there anyway: more of them come with each version.
 */
const Unbegun = function Unbegun() {} as unknown as typeof IncomingMessage;
Unbegun.prototype = Object.create(
  IncomingMessage.prototype,
  fieldsOf(new IncomingMessage(new Socket())),
);

/** The fields of a message but for what is an object of its own. */
function fieldsOf(message: IncomingMessage): PropertyDescriptorMap {
  const fields: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(message);
  for (const name of Reflect.ownKeys(fields)) {
    const { value } = fields[name] ?? {};
    if (Array.isArray(value)) Object.freeze(value);
    else if (typeof value === "object" && value !== null) delete fields[name];
  }
  return fields;
}

/** What a stream of Node's is made of. */
interface ReadableState {
  readingMore: boolean;
}

/**
 * A request whose stream begins when somebody asks for it. Most have no body, and no one does: for such a
 * one, Node makes the stream, reads it to its end, ends and closes it, a sixth of what a refusal costs
 * (decisions 0019 and 0022). It counts as read to its end.
 *
 * A body that waits takes no more memory than its bytes, even where it came in chunks of one byte: each
 * would be a buffer of some hundred bytes (decision 0020).
 */
export class ProxyRequest extends Unbegun {
  declare upgrade: boolean;
  /** Set once the stream has begun. */
  #state: ReadableState | undefined;
  #consuming: boolean | undefined;
  #crumbs: Crumbs | undefined;

  constructor(socket: Socket) {
    super(socket);
    this.socket = socket;
  }

  static {
    // An accessor of Node's streams, which its types show as a property.
    const { get: ended } =
      Object.getOwnPropertyDescriptor(Readable.prototype, "readableEnded") ?? {};
    Object.defineProperty(ProxyRequest.prototype, "readableEnded", {
      get(this: ProxyRequest): boolean {
        return this.#state === undefined ? this.complete : ended?.call(this) === true;
      },
    });
  }

  /** @internal Where all that Node's streams do begins. */
  get _readableState(): ReadableState {
    return this.#state ?? this.#begin();
  }

  set _readableState(state: ReadableState) {
    this.#state = state;
  }

  #begin(): ReadableState {
    Reflect.apply(Readable, this, []);
    const state = this._readableState;
    // As Node's constructor leaves it.
    state.readingMore = true;
    if (this.complete) super.push(null);
    return state;
  }

  /** @internal Whether somebody reads it, or no one has to. */
  get _consuming(): boolean {
    return this.#consuming ?? bodyFramingOf(this.rawHeaders) === "none";
  }

  set _consuming(value: boolean) {
    this.#consuming = value;
  }

  override push(piece: Buffer | null): boolean {
    // The end of a body that no one has asked for, and of which there was nothing.
    if (piece === null && this.#state === undefined) return false;
    this.#crumbs ??= new Crumbs();
    return this.#crumbs.push(this, piece, (bytes) => super.push(bytes));
  }
}

/** A response that can also be sent in one piece. */
export class ProxyResponse extends ServerResponse<ProxyRequest> {
  /**
   * Sends head and body, with the `Content-Length` of the answer (of 304 and to HEAD, of what it stands
   * for).
   *
   * Most go out as one text in one write, past what Node does for each header and each part, which is a
   * third of what a refusal costs (docs/benchmarks.md). The bytes are the same.
   */
  sendWhole(answer: WholeAnswer): void {
    const internals = this.#internals;
    const text = this.#isFree()
      ? textOf(answer, this.req.method, internals._keepAliveTimeout)
      : undefined;
    if (text === undefined) {
      sendInParts(this, answer);
      return;
    }
    this.statusCode = answer.status;
    internals._header = text;
    internals._headerSent = true;
    atEndOfTurn(() => this.#send(text));
  }

  #send(text: string): void {
    // The client may have left since.
    if (this.socket?.writable !== true) return;
    this.socket.write(text, "latin1");
    // Finds nothing left to send, and does all else that comes behind a response.
    this.end();
  }

  get #internals(): ResponseInternals {
    return this as unknown as ResponseInternals;
  }

  /** Whether the connection is free for a text, and is kept behind it. */
  #isFree(): boolean {
    const { socket, req, shouldKeepAlive } = this;
    const { _header, _headerSent, _keepAliveTimeout } = this.#internals;
    if (_header !== null || _headerSent !== false || _keepAliveTimeout === undefined) return false;
    // Without a socket, another response of the connection comes first.
    if (socket === null || !socket.writable || !shouldKeepAlive) return false;
    // What a client sends that waits for `100 Continue` is anybody's guess once it is answered otherwise.
    return req.headers.expect === undefined;
  }
}

/** Sends an answer by a response of either engine. */
export function sendWhole(response: ServerResponse, answer: WholeAnswer): void {
  if (response instanceof ProxyResponse) response.sendWhole(answer);
  else sendInParts(response, answer);
}

/** Node's own way. */
function sendInParts(response: ServerResponse, { status, reason, headers, body }: WholeAnswer) {
  response.writeHead(status, reason, [...headers]);
  response.end(body, "latin1");
}
