import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type FieldLines, type HeaderList, writeFields } from "../http/field-lines.ts";
import type { GrpcForm } from "../http/grpc.ts";
import { type Client, isAnswer } from "../node-http/answer.ts";
import { PreparedAnswer, type WholeAnswer } from "../node-http/whole-answers.ts";
import { grpcRefusal, grpcTrailers } from "./grpc-answers.ts";
import { createRedirection, type PageRedirection } from "./page-redirection.ts";
import {
  type BodyFacts,
  type BodyOptions,
  messageOf,
  preferredLanguage,
  renderBody,
  renderProblem,
  statusOf,
  wordedFirst,
} from "./refusal-body.ts";
import { type Language, languages, type Refusal, refusals } from "./refusals.ts";
import { type RefusalReason, refusalReasons } from "./verdict.ts";

/** How refusals are worded, shaped and sent. */
export interface ResponderOptions extends BodyOptions {
  /** What a browser gets that asks for a page with a token that is not accepted. */
  readonly html?: PageRedirection | undefined;
}

/** What a refusal needs to know of the request it answers. */
export interface RefusalContext {
  readonly requestId: string;
  /** Undefined if there was no request. */
  readonly request:
    | {
        readonly method: string | undefined;
        readonly headers: HeaderList;
        /** Set if it is a call of gRPC, which is refused by a status of its own. */
        readonly grpc?: GrpcForm | undefined;
      }
    | undefined;
  /** Whether the request could do without its token. */
  readonly mayOmitToken: boolean;
  /** The token for which it is refused. */
  readonly refusedCredential: string | undefined;
  /** Texts that replace the others for this request. */
  readonly messages: BodyOptions["messages"] | undefined;
  /** What a page of another origin needs to read the answer. */
  readonly corsHeaders: FieldLines;
}

/** Answers for revgate itself, never for the application. */
export interface Responder {
  /**
   * Sends a refusal: as the answer to a request, or on a connection that has no answer (upgrades, what
   * could not be parsed), which is then ended. Does nothing if the client has gone.
   */
  sendRefusal(client: Client, reason: RefusalReason, context: RefusalContext): void;
  /** The same refusal, for a caller that sends it in another way; without `X-Request-Id`. */
  refusalFor(reason: RefusalReason, context: RefusalContext): WholeAnswer;
  /** The trailers that end a call of gRPC which has begun. */
  callTrailers(reason: RefusalReason, context: RefusalContext): FieldLines;
}

type Prepared = Record<RefusalReason, PreparedAnswer>;
type Variant = Pick<BodyFacts, "language" | "mayOmitToken">;

/** Makes the responder; what is the same in every answer is put together once, here. */
export function createResponder(options: ResponderOptions): Responder {
  const prepareAll = (variant: Variant) =>
    Object.fromEntries(
      refusalReasons.map((reason) => [reason, prepareJson(reason, options, variant)]),
    ) as Prepared;
  const used = languages.filter((each) => [each, "auto"].includes(options.language));
  const prepared = new Map(
    used.map((language) => [
      language,
      ([false, true] as const).map((mayOmitToken) => prepareAll({ language, mayOmitToken })),
    ]),
  );
  const isSame = !options.body.includes("${requestId}");
  const redirection = createRedirection(options.html);

  const answerFor = (reason: RefusalReason, context: RefusalContext): PreparedAnswer => {
    const { request, mayOmitToken, requestId, messages } = context;
    const accept = request?.headers.first("accept");
    const toPage = redirection(reason, context);
    if (toPage !== undefined) return toPage;
    const language = languageFor(options, request?.headers);
    const facts = { language, mayOmitToken, requestId };
    const worded = wordedFor(options, reason, messages);
    if (accept?.includes("application/problem+json")) return prepareProblem(reason, worded, facts);
    const same =
      isSame && worded === options ? prepared.get(language)?.[mayOmitToken ? 1 : 0] : undefined;
    return same?.[reason] ?? prepareJson(reason, worded, facts);
  };

  return {
    sendRefusal(client, reason, context) {
      const headers = ["X-Request-Id", context.requestId, ...context.corsHeaders];
      const { closes }: Refusal = refusals[reason];
      if (!isAnswer(client)) return sendOnSocket(client, answerFor(reason, context), headers);
      if (client.gone || client.begun) return;
      if (closes === true) client.endConnection();
      const { grpc } = context.request ?? {};
      if (grpc === undefined) client.sendPrepared(answerFor(reason, context), headers);
      else {
        // Whatever shape other refusals have.
        const refusal = grpcRefusal(reason, textFor(reason, context, options), grpc);
        client.sendWhole({ ...refusal, headers: [...refusal.headers, ...headers] });
      }
    },
    callTrailers: (reason, context) => grpcTrailers(reason, textFor(reason, context, options)),
    refusalFor: (reason, context) => answerFor(reason, context).with(context.corsHeaders),
  };
}

/** The text of a refusal for one request. */
function textFor(reason: RefusalReason, context: RefusalContext, options: BodyOptions): string {
  const { request, mayOmitToken, messages } = context;
  const language = languageFor(options, request?.headers);
  return messageOf(reason, wordedFor(options, reason, messages), { language, mayOmitToken });
}

/** The texts of the request's route go before all others, in each language that they have. */
function wordedFor(
  options: BodyOptions,
  reason: RefusalReason,
  messages: BodyOptions["messages"] | undefined,
): BodyOptions {
  const particular = messages?.[reason];
  if (particular === undefined) return options;
  const message = wordedFirst(particular, options.messages[reason]);
  return { ...options, messages: { ...options.messages, [reason]: message } };
}

function languageFor({ language }: BodyOptions, headers: HeaderList | undefined): Language {
  return language === "auto" ? preferredLanguage(headers?.first("accept-language")) : language;
}

function sendOnSocket(socket: Duplex, answer: PreparedAnswer, more: FieldLines): void {
  if (socket.destroyed || !socket.writable) return;
  const { status, reason: phrase, headers, body } = answer;
  const fields = writeFields([...headers, ...more, "Connection", "close"]);
  socket.write(`HTTP/1.1 ${status} ${phrase}\r\n${fields}\r\n`, "latin1");
  socket.end(body, "latin1", () => socket.destroy());
}

/** What is the same in every refusal for one reason; the application's phrase may be what could not be sent on. */
function prepareJson(
  reason: RefusalReason,
  options: BodyOptions,
  facts: Partial<BodyFacts>,
): PreparedAnswer {
  const text = renderBody(reason, options, facts);
  return prepare(reason, statusOf(reason, options), { text, type: "application/json" });
}

function prepareProblem(
  reason: RefusalReason,
  options: BodyOptions,
  facts: BodyFacts,
): PreparedAnswer {
  const status = statusOf(reason, options);
  const text = renderProblem(reason, options, { ...facts, title: STATUS_CODES[status] ?? "" });
  return prepare(reason, status, { text, type: "application/problem+json" });
}

function prepare(
  reason: RefusalReason,
  status: number,
  { text, type }: { readonly text: string; readonly type: string },
): PreparedAnswer {
  const body = Buffer.from(text).toString("latin1");
  const headers = [
    ...["Content-Type", `${type}; charset=utf-8`, "Content-Length", String(body.length)],
    ...["Cache-Control", "no-store"],
  ];
  const { challenge, retryAfter }: Refusal = refusals[reason];
  // Either would be a riddle beside a 200.
  if (challenge !== undefined && status === 401) headers.push("WWW-Authenticate", challenge);
  if (retryAfter !== undefined && status >= 400) headers.push("Retry-After", String(retryAfter));
  return new PreparedAnswer({ ...{ status, body, headers }, reason: STATUS_CODES[status] ?? "" });
}
