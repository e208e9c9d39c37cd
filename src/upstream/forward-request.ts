import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import type { Dispatcher } from "undici";
import { HeaderList } from "../platform/header-list.ts";
import type { Application } from "./application.ts";
import { responseHeaders } from "./headers.ts";
import { classifyUpstreamError, isStaleSocket, type UpstreamFailure } from "./upstream-error.ts";

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
  /** The client went away. */
  | { readonly kind: "client_gone" };

/** Keeps a response until something has happened. One of the two is called, once. */
export interface Hold {
  /**
   * The final response head has come. The response is released when the promise resolves, and withheld
   * when it rejects; undefined releases at once.
   */
  onStatus(status: number): Promise<void> | undefined;
  /** It will not come. `sent`: the application may have had the request, or a part of it. */
  onLost(sent: boolean): Promise<void>;
}

/** One request to forward, and who is told what becomes of it. */
export interface ForwardOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Name and value alternating. */
  readonly headers: string[];
  /** Set for a request that must be seen through even when its client goes away. */
  readonly hold: Hold | undefined;
  /** Told once when the response head arrives, before the hold. */
  readonly onHead: () => void;
  /** Told once how it ended. */
  readonly onEnd: (outcome: ForwardOutcome) => void;
}

/** Interim responses passed on for one request; an application that sends more is at fault. */
const mostInterimResponses = 20;
const nothing = Buffer.alloc(0);
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Passes one request on to the application and its response back, both as they come.
 *
 * The target, the body and the headers given are sent as they are. The response head goes out before
 * the first byte of its body; backpressure reaches from either end to the other; an application that
 * breaks off mid-body leaves a broken response, never a clean short one.
 */
export function forwardRequest(application: Application, options: ForwardOptions): void {
  new Forwarding(application, options).start();
}

/**
 * One request on its way (undici's handler protocol in its raw form, which hands over header bytes
 * unparsed). A class, not closures: one is made for every request.
 */
class Forwarding implements Dispatcher.DispatchHandler {
  readonly #application: Application;
  readonly #options: ForwardOptions;
  readonly #hasBody: boolean;
  #body: PassThrough | undefined;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #state: "waiting" | "holding" | "streaming" | "ended" = "waiting";
  #clientGone = false;
  #retried = false;
  #interimResponses = 0;
  /** What came of the response's body, and its trailers where it came to its end, while its head was held. */
  #early: Buffer[] | undefined;
  #earlyTrailers: { readonly trailers: string[] | null } | undefined;
  /** Whether any of it may have reached the application. */
  #sent = false;
  #status = 0;

  constructor(application: Application, options: ForwardOptions) {
    this.#application = application;
    this.#options = options;
    this.#hasBody = carriesBody(options.request);
  }

  start(): void {
    const { response, request, hold } = this.#options;
    if (response.destroyed && (hold === undefined || this.#hasBody)) {
      // A body that was not read by now is lost with the connection.
      this.#lose();
      this.#end({ kind: "client_gone" });
      return;
    }
    response.on("close", () => this.#onClientClose());
    if (this.#hasBody) this.#body = streamBody(request);
    this.#dispatch();
  }

  #dispatch(): void {
    const { request, headers } = this.#options;
    const { pool, servername } = this.#application;
    const dispatched: Dispatcher.DispatchOptions & { servername: string } = {
      path: request.url ?? "/",
      method: (request.method ?? "GET") as Dispatcher.HttpMethod,
      headers,
      body: this.#body ?? null,
      servername,
    };
    pool.dispatch(dispatched, this);
  }

  onConnect(abort: (error?: Error) => void): void {
    this.#abort = abort;
    if (this.#clientGone && this.#options.hold === undefined) abort();
    else this.#sent = true;
  }

  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void, reason: string): boolean {
    const headers = new HeaderList(rawHeaders.map((bytes) => bytes.toString("latin1")));
    if (status < 200) return this.#passInterim(status, reason, headers);

    this.#resume = resume;
    this.#status = status;
    this.#options.onHead();
    const held = this.#options.hold?.onStatus(status);
    if (held === undefined) return this.#release(reason, headers);

    this.#state = "holding";
    held.then(
      () => this.#releaseHeld(reason, headers),
      (cause: Error) => this.#withhold(cause),
    );
    return false;
  }

  onData(chunk: Buffer): boolean {
    // An application that closes is read to its end, held or not.
    if (this.#state === "holding") {
      this.#early = [...(this.#early ?? []), chunk];
      return false;
    }
    return this.#options.response.write(chunk) || this.#waitForDrain();
  }

  onComplete(trailers: string[] | null): void {
    // undici does not wait with the end of an answer to HEAD, nor with that of a closed connection.
    if (this.#state === "holding") {
      this.#earlyTrailers = { trailers };
      return;
    }
    const { response } = this.#options;
    if (trailers !== null && trailers.length > 0) response.addTrailers(trailerPairs(trailers));
    response.end();
    this.#end({ kind: "completed", status: this.#status });
  }

  onError(error: Error): void {
    if (this.#state === "ended") return;
    if (this.#state === "streaming") {
      breakOff(this.#options.response);
      this.#end({ kind: "broken_off", cause: error });
    } else if (this.#clientGone && this.#options.hold === undefined) {
      this.#end({ kind: "client_gone" });
    } else if (this.#state === "waiting" && this.#mayRepeat(error)) {
      this.#retried = true;
      this.#dispatch();
    } else {
      this.#lose();
      this.#end({ kind: "failed", reason: classifyUpstreamError(error), cause: error });
    }
  }

  /** Sends the response head; false asks undici to wait with the body. */
  #release(reason: string, headers: HeaderList): boolean {
    const { response } = this.#options;
    if (response.destroyed) {
      this.#end({ kind: "client_gone" });
      this.#abort?.();
      return false;
    }
    // Throws where the application's head can't be sent on: that is an answer nobody can use.
    response.writeHead(this.#status, reason, responseHeaders(headers));
    this.#state = "streaming";
    // Has the head sent in this tick, together with what there is of the body. (flushHeaders would
    // send it as UTF-8, and change bytes beyond ASCII.)
    response.write(nothing);
    return !response.writableNeedDrain || this.#waitForDrain();
  }

  /** The client does not keep up: the application waits until it has. */
  #waitForDrain(): false {
    this.#options.response.once("drain", () => {
      if (this.#state === "streaming") this.#resume?.();
    });
    return false;
  }

  #releaseHeld(reason: string, headers: HeaderList): void {
    // An application that broke off meanwhile has been dealt with.
    if (this.#state !== "holding") return;
    try {
      const wantsMore = this.#release(reason, headers);
      if (this.#options.response.destroyed) return;
      for (const chunk of this.#early ?? []) this.#options.response.write(chunk);
      if (this.#earlyTrailers !== undefined) this.onComplete(this.#earlyTrailers.trailers);
      else if (wantsMore) this.#resume?.();
    } catch (error) {
      this.#abort?.(error as Error);
    }
  }

  #withhold(cause: Error): void {
    if (this.#state !== "holding") return;
    this.#end({ kind: "withheld", cause });
    this.#abort?.();
  }

  /** 102 and 103 go to the client as they are; an HTTP/1.0 client does not know them (RFC 9110 section 15.2). */
  #passInterim(status: number, reason: string, headers: HeaderList): boolean {
    const { request, response } = this.#options;
    // undici takes an error thrown here for the end of the request.
    if (status < 102) throw new Error(`the application answered ${status} unasked`);
    this.#interimResponses += 1;
    if (this.#interimResponses > mostInterimResponses) {
      throw new Error(`the application sent more than ${mostInterimResponses} interim responses`);
    }
    if (request.httpVersionMinor < 1 || response.destroyed) return true;
    const lines = [`HTTP/1.1 ${status} ${reason}`];
    const passed = responseHeaders(headers);
    for (let i = 0; i < passed.length; i += 2) lines.push(`${passed[i]}: ${passed[i + 1]}`);
    // Requests of one connection are answered one after the other, so the line is free.
    response.socket?.write(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
    return true;
  }

  /** Only a connection that was idle too long, only a request that may be sent twice (RFC 9110 section 9.2.2). */
  #mayRepeat(error: Error): boolean {
    const { request } = this.#options;
    if (this.#retried || this.#hasBody || this.#clientGone) return false;
    return repeatable.has(request.method ?? "") && isStaleSocket(error);
  }

  /** No answer will come. In the holding state one did, and the revocation goes on. */
  #lose(): void {
    if (this.#state === "waiting") void this.#options.hold?.onLost(this.#sent);
  }

  #onClientClose(): void {
    const { response } = this.#options;
    if (response.writableFinished) return;
    this.#clientGone = true;
    if (this.#state === "streaming") {
      this.#end({ kind: "client_gone" });
      this.#abort?.();
    } else if (this.#options.hold === undefined) {
      this.#abort?.();
    }
  }

  #end(outcome: ForwardOutcome): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    // The connection to the application may be another request's by now.
    this.#resume = undefined;
    this.#options.onEnd(outcome);
    this.#dropRestOfBody();
  }

  /** What the client still sends of a body that nobody reads any more stands before its next request. */
  #dropRestOfBody(): void {
    const { request } = this.#options;
    if (this.#body === undefined || request.complete) return;
    request.unpipe(this.#body);
    request.resume();
  }
}

function carriesBody({ rawHeaders }: IncomingMessage): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? "";
    if (name.length === 14 && name.toLowerCase() === "content-length")
      return rawHeaders[i + 1] !== "0";
    if (name.length === 17 && name.toLowerCase() === "transfer-encoding") return true;
  }
  return false;
}

/**
 * The request's body as a stream of its own: undici destroys the stream it was given when the response
 * comes first, and the client's connection must outlive that.
 */
function streamBody(request: IncomingMessage): PassThrough {
  const body = new PassThrough();
  // undici listens while it sends; what fails before or after must not end the process.
  body.on("error", () => {});
  request.on("error", (error) => body.destroy(error));
  request.on("close", () => {
    if (!request.complete) body.destroy(new Error("the client left in the middle of its request"));
  });
  return request.pipe(body);
}

/** Ends a response so that nobody can take it for a whole one. */
function breakOff(response: ServerResponse): void {
  const { socket } = response;
  // Where the end of the connection is the end of the body (HTTP/1.0), only a reset says "broken".
  if (socket !== null && !("encrypted" in socket)) socket.resetAndDestroy();
  else response.destroy();
}

function trailerPairs(trailers: readonly (string | Buffer)[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < trailers.length; i += 2) {
    pairs.push([trailers[i]?.toString("latin1") ?? "", trailers[i + 1]?.toString("latin1") ?? ""]);
  }
  return pairs;
}
