import type { IncomingMessage } from "node:http";
import {
  type BodyFraming,
  bodyFramingOf,
  type FieldLines,
  writeFields,
} from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import { breakOff } from "./broken-response.ts";
import { HeldBody, type Hold } from "./held-response.ts";
import type { Connection, Exchange } from "./http1/connection.ts";
import type { ConnectionPool } from "./http1/connection-pool.ts";
import type { ResponseHead } from "./http1/response-parser.ts";
import { InterimResponses } from "./interim-responses.ts";
import { sendUpload } from "./request-upload.ts";
import { offersUpgrade, responseHeaders, responseTrailers } from "./response-headers.ts";
import { classifyUpstreamError, type UpstreamFailure } from "./upstream-error.ts";

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
  /** It was cut while it was being sent, by whoever was told of it (`onStreaming`). */
  | { readonly kind: "cut" }
  /** The client went away. */
  | { readonly kind: "client_gone" }
  /** The client did not read its answer, and was given up. */
  | { readonly kind: "client_stalled" }
  /** The client did not send the rest of its request; nothing was sent to it yet. */
  | { readonly kind: "request_incomplete" };

/** One request to forward, and who is told what becomes of it. */
export interface ForwardOptions {
  readonly request: IncomingMessage;
  readonly answer: Answer;
  /** In origin form. */
  readonly target: string;
  /** What was read of the request's body by now. */
  readonly received?: Buffer | undefined;
  /** Name and value alternating. */
  readonly headers: string[];
  /** What is passed on of the trailers behind its body. */
  readonly passTrailers: (trailers: FieldLines) => FieldLines;
  /** Whether revgate names itself in the `Via` of the response. */
  readonly addsVia: boolean;
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
  readonly onStreaming: (cut: () => void) => () => void;
  /** Told once how it ended. */
  readonly onEnd: (outcome: ForwardOutcome) => void;
}

/** A head that may be sent. Name and value alternate. */
interface ReleasedHead {
  readonly reason: string;
  readonly headers: string[];
}

const nothing = Buffer.alloc(0);
const none: readonly string[] = [];
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Passes one request on to the application and its response back, both as they come.
 *
 * The target, the body and the headers given are sent as they are. The response head goes out before
 * the first byte of its body; backpressure reaches from either end to the other; an application that
 * breaks off mid-body leaves a broken response, never a clean short one.
 */
export function forwardRequest(application: ConnectionPool, options: ForwardOptions): void {
  new Forwarding(application, options).start();
}

/** One request on its way. A class, not closures: one is made for every request. */
class Forwarding implements Exchange {
  readonly method: string;
  readonly head: string;
  readonly body: BodyFraming;
  readonly streams: boolean;
  readonly #application: ConnectionPool;
  readonly #options: ForwardOptions;
  /** What carries it now; another request's as soon as the response is whole. */
  #connection: Connection | undefined;
  #state: "waiting" | "holding" | "streaming" | "ended" = "waiting";
  #clientGone = false;
  #draining = false;
  #retried = false;
  #interim: InterimResponses | undefined;
  /** Set while the head of the response is held. */
  #held: HeldBody | undefined;
  #onStreamEnd: (() => void) | undefined;
  /** The head of the response, until the first part of the body comes, with which it leaves. */
  #head: ReleasedHead | undefined;
  /** Whether any of it may have reached the application. */
  #sent = false;
  #status = 0;

  constructor(application: ConnectionPool, options: ForwardOptions) {
    const { request, target, headers } = options;
    this.#application = application;
    this.#options = options;
    this.method = request.method ?? "GET";
    this.streams = options.streams;
    this.body = bodyFramingOf(request.rawHeaders);
    this.head = requestHead(`${request.method} ${target}`, headers, this.body);
  }

  start(): void {
    const { answer, hold } = this.#options;
    if (answer.gone && (hold === undefined || this.body !== "none")) {
      // A body that was not read by now is lost with the connection.
      this.#lose();
      this.#end({ kind: "client_gone" });
      return;
    }
    answer.onClose(() => this.#onClientClose());
    this.#application.carry(this);
  }

  onConnection(connection: Connection): boolean {
    if (this.#state === "ended") return false;
    this.#connection = connection;
    this.#sent = true;
    return true;
  }

  sendBody(connection: Connection): void {
    const { request, answer, passTrailers, received = nothing } = this.#options;
    answer.onStall(() => this.#onClientStall());
    sendUpload({
      ...{ request, received, connection, passTrailers },
      isCarried: () => this.#connection === connection,
      // Not a whole body: nor may it look like one.
      onLeft: () => this.#loseTo({ kind: "client_gone" }, this.#sent),
    });
  }

  onHead(responseHead: ResponseHead, more: boolean): void {
    const { status } = responseHead;
    const { hold, request, addsVia } = this.#options;
    if (status < 200) {
      // The connection takes an error thrown there for the end of the request.
      this.#interim ??= new InterimResponses(request, addsVia);
      this.#interim.pass(responseHead);
      return;
    }
    this.#status = status;
    this.#options.onHead(responseHead.headers);
    const released = hold && this.#keep(hold, responseHead.headers);
    if (released !== undefined) {
      this.#releaseLater(released, responseHead);
    } else if (this.#release(responseHead) && !more) this.#flushHead();
  }

  /** Shows the head to whoever may hold it; undefined: it is not held. */
  #keep(hold: Hold, headers: readonly string[]): Promise<void> | undefined {
    const { responseTimeoutMs } = this.#application;
    const body = new HeldBody(responseTimeoutMs, () => this.#connection?.pause());
    this.#held = body;
    return hold.onResponse({
      status: this.#status,
      headers,
      readBody: (maxBytes) => body.read(maxBytes),
    });
  }

  #releaseLater(released: Promise<void>, head: ResponseHead): void {
    this.#state = "holding";
    if (this.#held?.isAwaited !== true) this.#connection?.pause();
    released.then(
      () => this.#releaseHeld(head),
      (cause: Error) => this.#withhold(cause),
    );
  }

  /** Most responses: the head has not been sent, and leaves with the body. */
  onWhole(body: string): void {
    if (this.#state === "streaming" && this.#head !== undefined) {
      const { reason, headers } = this.#head;
      this.#connection = undefined;
      this.#options.answer.sendWhole({ status: this.#status, reason, headers, body });
      this.#end({ kind: "completed", status: this.#status });
    } else {
      if (body !== "") this.onData(Buffer.from(body, "latin1"));
      this.onEnd(none);
    }
  }

  onData(chunk: Buffer): void {
    if (this.#state === "streaming") {
      this.#writeHead();
      if (!this.#options.answer.stream.write(chunk)) this.#waitForDrain();
    } else if (this.#state === "holding") this.#held?.add(chunk);
  }

  onPartial(): void {
    if (this.#state !== "streaming") return;
    if (this.#head !== undefined) this.#flushHead();
    if (this.#onStreamEnd !== undefined) return;
    this.#onStreamEnd = this.#options.onStreaming(() => {
      if (this.#state !== "streaming") return;
      breakOff(this.#options.answer);
      this.#abort({ kind: "cut" });
    });
  }

  onEnd(trailers: readonly string[]): void {
    this.#connection = undefined;
    if (this.#state === "holding") this.#held?.end(trailers);
    else if (this.#state === "streaming") this.#complete(trailers);
  }

  onDrain(): void {
    if (this.#state !== "ended") this.#options.request.resume();
  }

  onError(error: Error, stale: boolean): void {
    this.#connection = undefined;
    this.#held?.lose();
    if (this.#state === "ended") return;
    if (this.#state === "streaming" && this.#head === undefined) {
      breakOff(this.#options.answer);
      this.#end({ kind: "broken_off", cause: error });
    } else if (this.#state === "waiting" && stale && this.#mayRepeat()) {
      this.#retried = true;
      this.#application.closeIdle();
      this.#application.carry(this);
    } else {
      this.#lose();
      this.#end({ kind: "failed", reason: classifyUpstreamError(error), cause: error });
    }
  }

  /** Lets the response pass, from its head on. False: nobody is there to have it. */
  #release(head: ResponseHead): boolean {
    if (this.#options.answer.gone) {
      this.#abort({ kind: "client_gone" });
      return false;
    }
    const { request, answer, addsVia } = this.#options;
    const headers = responseHeaders(head, request, addsVia);
    if (offersUpgrade(head.status, headers)) {
      headers.push("Connection", "close, Upgrade");
      answer.endConnection();
    }
    this.#head = { reason: head.reason, headers };
    this.#state = "streaming";
    return true;
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    const { reason, headers } = this.#head;
    this.#head = undefined;
    this.#options.answer.stream.writeHead(this.#status, reason, [...headers]);
  }

  /** The head alone, ahead of a body that takes its time. */
  #flushHead(): void {
    const { stream } = this.#options.answer;
    this.#writeHead();
    // (flushHeaders would send it as UTF-8, and change bytes beyond ASCII.)
    stream.write(nothing);
    if (stream.writableNeedDrain) this.#waitForDrain();
  }

  /** The client does not keep up: the application waits until it has. */
  #waitForDrain(): void {
    this.#connection?.pause();
    if (this.#draining) return;
    this.#draining = true;
    this.#options.answer.stream.once("drain", () => {
      this.#draining = false;
      this.#connection?.resume();
    });
  }

  #releaseHeld(head: ResponseHead): void {
    // An application that broke off meanwhile has been dealt with.
    if (this.#state !== "holding") return;
    if (!this.#release(head)) return;
    this.#writeHead();
    const { stream } = this.#options.answer;
    const { chunks = [], trailers } = this.#held ?? {};
    for (const chunk of chunks.length === 0 ? [nothing] : chunks) stream.write(chunk);
    if (trailers !== undefined) {
      this.#complete(trailers);
      return;
    }
    if (stream.writableNeedDrain) this.#waitForDrain();
    else this.#connection?.resume();
    this.onPartial();
  }

  #complete(trailers: readonly string[]): void {
    const { stream } = this.#options.answer;
    this.#writeHead();
    if (trailers.length > 0) stream.addTrailers(responseTrailers(trailers));
    stream.end();
    this.#end({ kind: "completed", status: this.#status });
  }

  #withhold(cause: Error): void {
    if (this.#state === "holding") this.#abort({ kind: "withheld", cause });
  }

  /** Only a request that may be sent twice (RFC 9110 section 9.2.2). */
  #mayRepeat(): boolean {
    if (this.#retried || this.body !== "none" || this.#clientGone) return false;
    return repeatable.has(this.method);
  }

  /** No answer will come. In the holding state one did, and the revocation goes on. */
  #lose(): void {
    if (this.#state === "waiting") void this.#options.hold?.onLost(this.#sent);
  }

  #onClientClose(): void {
    const { answer, hold } = this.#options;
    if (answer.finished || this.#state === "ended") return;
    this.#clientGone = true;
    // A request with a hold is seen through.
    if (this.#state === "streaming" || hold === undefined) {
      this.#abort({ kind: answer.stalled ? "client_stalled" : "client_gone" });
    }
  }

  /** The client has stopped in the middle of its request. What was sent of it is none, and did nothing. */
  #onClientStall(): void {
    if (this.#state === "waiting") this.#loseTo({ kind: "request_incomplete" }, false);
  }

  /** Ends it from this side before the application has answered. */
  #loseTo(outcome: ForwardOutcome, sent: boolean): void {
    if (this.#state === "waiting") void this.#options.hold?.onLost(sent);
    this.#abort(outcome);
  }

  /** Ends it from this side, wherever it stands. */
  #abort(outcome: ForwardOutcome): void {
    if (this.#connection === undefined) this.#application.withdraw(this);
    this.#connection?.abort();
    this.#connection = undefined;
    this.#end(outcome);
  }

  #end(outcome: ForwardOutcome): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#onStreamEnd?.();
    this.#options.onEnd(outcome);
    // What the client still sends of a body that nobody reads any more stands before its next request.
    const { request } = this.#options;
    if (this.body !== "none" && !request.readableEnded) request.resume();
  }
}

/** The request as it is sent: its first line and the header section, one byte a character. */
function requestHead(
  methodAndTarget: string,
  headers: readonly string[],
  body: BodyFraming,
): string {
  const coding = body === "chunked" ? "Transfer-Encoding: chunked\r\n" : "";
  return `${methodAndTarget} HTTP/1.1\r\n${writeFields(headers)}${coding}Connection: keep-alive\r\n\r\n`;
}
