import { type BodyFraming, bodyFramingOf, type FieldLines } from "../http/field-lines.ts";
import type { ApplicationPool } from "./application-pool.ts";
import type { CutAnswer, ForwardOptions, ForwardOutcome } from "./forward-options.ts";
import { HeldBody, type Hold } from "./held-response.ts";
import type { Carrier, Exchange } from "./http1/exchange.ts";
import type { ResponseHead } from "./http1/response-events.ts";
import { InterimResponses } from "./interim-responses.ts";
import { writeRequestHead } from "./request-head.ts";
import { sendUpload } from "./request-upload.ts";
import { ResponseRelay, type ResponseSource } from "./response-relay.ts";
import { classifyUpstreamError, UpstreamError } from "./upstream-error.ts";

const nothing = Buffer.alloc(0);
const none: FieldLines = [];
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Passes one request on to the application and its response back, both as they come.
 *
 * The target, the body and the headers given are sent as they are. The response head goes out before
 * the first byte of its body; backpressure reaches from either end to the other; an application that
 * breaks off mid-body leaves a broken response, never a clean short one.
 *
 * Returns what cuts it, wherever it stands.
 */
export function forwardRequest(application: ApplicationPool, options: ForwardOptions): CutAnswer {
  const forwarding = new Forwarding(application, options);
  forwarding.start();
  return (trailers) => forwarding.cut(trailers);
}

/** One request on its way. A class, not closures: one is made for every request. */
class Forwarding implements Exchange, ResponseSource {
  readonly method: string;
  readonly target: string;
  readonly headers: FieldLines;
  readonly body: BodyFraming;
  readonly streams: boolean;
  readonly responseTimeoutMs: number | undefined;
  readonly #application: ApplicationPool;
  readonly #options: ForwardOptions;
  /** What carries it now; another request's as soon as the response is whole. */
  #carrier: Carrier | undefined;
  #state: "waiting" | "holding" | "streaming" | "ended" = "waiting";
  #clientGone = false;
  /** Set if no connection was there at once. */
  #waits = false;
  #retried = false;
  #interim: InterimResponses | undefined;
  /** Set while the head of the response is held. */
  #held: HeldBody | undefined;
  /** Set as soon as the response may pass. */
  #relay: ResponseRelay | undefined;
  #onStreamEnd: (() => void) | undefined;
  /** Whether any of it may have reached the application. */
  #sent = false;
  /** Parts of its body that were sent, and whether the application takes no more for now. */
  #parts = 0;
  #blocked = false;

  constructor(application: ApplicationPool, options: ForwardOptions) {
    const { request, target, headers } = options;
    this.#application = application;
    this.#options = options;
    this.method = request.method ?? "GET";
    this.streams = options.streams;
    this.responseTimeoutMs = options.responseTimeoutMs;
    this.body = bodyFramingOf(request.rawHeaders);
    this.target = target;
    this.headers = headers;
  }

  /** What HTTP/1.1 sends first. */
  get head(): string {
    return writeRequestHead(this, this.body);
  }

  get network(): string {
    return this.#options.network();
  }

  get clientMark(): string | undefined {
    const { request, answer } = this.#options;
    if (this.#state === "waiting") {
      const owesBody = this.body !== "none" && !request.readableEnded && !this.#blocked;
      return owesBody ? `sent ${this.#parts}` : undefined;
    }
    const owesTaking = this.#state === "streaming" && this.#relay?.isWaiting === true;
    return owesTaking ? `unsent ${answer.unsent}` : undefined;
  }

  giveWay(): void {
    if (this.#state === "waiting") this.#onClientStall();
    else if (this.#state === "streaming") this.#options.answer.giveUp();
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
    this.#waits = this.#carrier === undefined;
  }

  onConnection(carrier: Carrier): boolean {
    if (this.#waits && this.#options.mayStillGo?.() === false) this.cut(undefined);
    if (this.#state === "ended") return false;
    this.#carrier = carrier;
    this.#sent = true;
    return true;
  }

  sendBody(carrier: Carrier): void {
    const { request, answer, passTrailers, received = nothing } = this.#options;
    answer.onStall(() => this.#onClientStall());
    sendUpload({
      ...{ request, received, carrier, passTrailers },
      isCarried: () => this.#carrier === carrier,
      onPart: (keepsUp) => {
        this.#parts += 1;
        this.#blocked = !keepsUp;
      },
      // Not a whole body: nor may it look like one.
      onLeft: () => this.#loseTo({ kind: "client_gone" }, this.#sent),
    });
  }

  pause(): void {
    this.#carrier?.pause();
  }

  resume(): void {
    this.#carrier?.resume();
  }

  onHead(head: ResponseHead, more: boolean): void {
    const { hold, request, answer, addsVia } = this.#options;
    if (head.status < 200) {
      // The connection takes an error thrown there for the end of the request.
      this.#interim ??= new InterimResponses(
        request,
        (interim) => answer.sendInterim(interim),
        addsVia,
      );
      this.#interim.pass(head);
      return;
    }
    refuseUncarried(head, answer);
    this.#options.onHead(head.headers);
    const released = hold && this.#keep(hold, head);
    if (released !== undefined) {
      this.#releaseLater(released, head);
      return;
    }
    const relay = this.#release(head);
    if (!more) relay?.flushHead();
  }

  /** Most responses: the head has not been sent, and leaves with the body. */
  onWhole(body: string): void {
    if (this.#state === "streaming" && this.#relay?.isPending === true) {
      this.#carrier = undefined;
      this.#complete(none, body);
    } else {
      if (body !== "") this.onData(Buffer.from(body, "latin1"));
      this.onEnd(none);
    }
  }

  onData(chunk: Buffer): void {
    if (this.#state === "streaming") this.#relay?.write(chunk);
    else if (this.#state === "holding") this.#held?.add(chunk);
  }

  onPartial(): void {
    if (this.#state !== "streaming") return;
    this.#relay?.flushHead();
    if (this.#onStreamEnd !== undefined) return;
    this.#onStreamEnd = this.#options.onStreaming((trailers) => this.cut(trailers));
  }

  /** Ends it; what was sent of the answer ends with trailers if there are some, or else is broken off. */
  cut(trailers: FieldLines | undefined): void {
    if (this.#state === "holding" || this.#state === "ended") return;
    if (this.#state === "waiting") void this.#options.hold?.onLost(this.#mayBeDone);
    else if (trailers === undefined) this.#relay?.breakOff();
    else this.#relay?.end(trailers);
    this.#abort({ kind: "cut" });
  }

  onEnd(trailers: FieldLines): void {
    if (this.#state === "waiting") {
      this.onError(new UpstreamError("malformed", "the answer ended without a head"), false);
      return;
    }
    this.#carrier = undefined;
    if (this.#state === "holding") this.#held?.end(trailers);
    else if (this.#state === "streaming") this.#complete(trailers);
  }

  onDrain(): void {
    this.#blocked = false;
    if (this.#state !== "ended") this.#options.request.resume();
  }

  onError(error: Error, stale: boolean, unprocessed = false): void {
    this.#carrier = undefined;
    this.#held?.lose();
    if (this.#state === "ended") return;
    if (this.#state === "streaming" && this.#relay?.isPending === false) {
      this.#relay.breakOff();
      this.#end({ kind: "broken_off", cause: error });
    } else if (this.#state === "waiting" && this.#mayRepeat(stale, unprocessed)) {
      this.#retried = true;
      if (stale) this.#application.closeIdle();
      this.#application.carry(this);
    } else {
      this.#lose();
      this.#end({ kind: "failed", reason: classifyUpstreamError(error), cause: error });
    }
  }

  /** Offers the head to the hold; undefined: it is not held. */
  #keep(hold: Hold, { status, headers }: ResponseHead): Promise<void> | undefined {
    const body = new HeldBody(this.#application.responseTimeoutMs, () => this.pause());
    this.#held = body;
    return hold.onResponse({
      ...{ status, headers, trailers: () => body.trailers },
      readBody: (maxBytes) => body.read(maxBytes),
    });
  }

  #releaseLater(released: Promise<void>, head: ResponseHead): void {
    this.#state = "holding";
    if (this.#held?.isAwaited !== true) this.pause();
    released.then(
      () => this.#releaseHeld(head),
      (cause: Error) => this.#withhold(cause),
    );
  }

  /** Lets the response pass, from its head on; undefined: the client has left. */
  #release(head: ResponseHead): ResponseRelay | undefined {
    if (this.#options.answer.gone) {
      this.#abort({ kind: "client_gone" });
      return undefined;
    }
    this.#state = "streaming";
    this.#relay = new ResponseRelay(head, this.#options, this);
    return this.#relay;
  }

  #releaseHeld(head: ResponseHead): void {
    // An application that broke off meanwhile has been dealt with.
    if (this.#state !== "holding") return;
    const relay = this.#release(head);
    if (relay === undefined) return;
    const trailers = this.#held?.passOn(relay);
    if (trailers !== undefined) {
      this.#complete(trailers);
      return;
    }
    if (!relay.isWaiting) this.resume();
    this.onPartial();
  }

  /** The response is whole; `body`: all of it, if nothing was sent before. */
  #complete(trailers: FieldLines, body?: string): void {
    const relay = this.#relay;
    if (relay === undefined) return;
    try {
      if (body === undefined) relay.end(trailers);
      else relay.sendWhole(body);
    } catch (cause) {
      this.onError(cause as Error, false);
      return;
    }
    this.#end({ kind: "completed", status: relay.status });
  }

  #withhold(cause: Error): void {
    if (this.#state === "holding") this.#abort({ kind: "withheld", cause });
  }

  /** Only a request that may be sent twice (RFC 9110 section 9.2.2), or of which the application did nothing. */
  #mayRepeat(stale: boolean, unprocessed: boolean): boolean {
    if (this.#retried || this.body !== "none" || this.#clientGone) return false;
    return unprocessed || (stale && repeatable.has(this.method));
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

  /** Whether the application may have done what was asked: of a request that is not whole it has done nothing, unless it streams. */
  get #mayBeDone(): boolean {
    return (
      this.#sent && (this.streams || this.body === "none" || this.#options.request.readableEnded)
    );
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
    if (this.#carrier === undefined) this.#application.withdraw(this);
    this.#carrier?.abort();
    this.#carrier = undefined;
    this.#end(outcome);
  }

  #end(outcome: ForwardOutcome): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#onStreamEnd?.();
    this.#options.onEnd(outcome);
    // What the client still sends of a body that is no longer read stands before its next request.
    const { request } = this.#options;
    if (this.body !== "none" && !request.readableEnded) request.resume();
  }
}

/** Throws an UpstreamError if the client's protocol does not have such a status. */
function refuseUncarried({ status }: ResponseHead, { maxStatus }: ForwardOptions["answer"]): void {
  if (status <= maxStatus) return;
  const message = `the application answered with status ${status}, and HTTP/2 ends at ${maxStatus}`;
  throw new UpstreamError("malformed", message);
}
