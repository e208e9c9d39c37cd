import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type FieldLines, writeFields } from "../http/field-lines.ts";
import { Answer } from "../node-http/answer.ts";
import { PreparedAnswer } from "../node-http/whole-answers.ts";
import { type RefusalReason, refusalReasons } from "./verdict.ts";

/** How one refusal looks. */
interface Refusal {
  readonly status: number;
  readonly en: string;
  readonly zh: string;
  /** `WWW-Authenticate`, on every 401 (RFC 9110 section 15.5.2, RFC 6750 section 3). */
  readonly challenge?: string;
  /** `Retry-After`, in seconds. */
  readonly retryAfter?: number;
  /** Nothing that follows on this connection can be trusted to be a request. */
  readonly closes?: boolean;
}

const invalidToken = 'Bearer error="invalid_token"';

/** Every answer that revgate gives by itself; the only place that knows their status codes. */
export const refusals = {
  token_missing: { status: 401, challenge: "Bearer", en: "Token is missing.", zh: "token缺失!" },
  token_revoked: {
    status: 401,
    challenge: invalidToken,
    en: "Please log in again.",
    zh: "请重新登录!",
  },
  token_invalid: {
    status: 401,
    challenge: invalidToken,
    en: "Token is not valid.",
    zh: "token不合法!",
  },
  token_expired: {
    status: 401,
    challenge: invalidToken,
    en: "Token has expired.",
    zh: "token过期!",
  },
  token_ambiguous: {
    status: 401,
    challenge: 'Bearer error="invalid_request"',
    en: "More than one token was sent.",
    zh: "请求中包含多个token!",
  },
  request_ambiguous: {
    status: 400,
    closes: true,
    en: "Request could be read in more than one way.",
    zh: "请求格式有歧义!",
  },
  request_too_large: {
    status: 431,
    closes: true,
    en: "Request headers are too large.",
    zh: "请求头过大!",
  },
  request_timeout: {
    status: 408,
    closes: true,
    en: "Request did not arrive in time.",
    zh: "请求接收超时!",
  },
  certificate_required: {
    status: 403,
    closes: true,
    en: "A client certificate is required.",
    zh: "需要客户端证书!",
  },
  denylist_unavailable: {
    status: 503,
    retryAfter: 1,
    en: "Try again shortly.",
    zh: "服务暂不可用,请稍后重试!",
  },
  keys_unavailable: {
    status: 503,
    retryAfter: 1,
    en: "Try again shortly.",
    zh: "服务暂不可用,请稍后重试!",
  },
  revocation_pending: {
    status: 503,
    retryAfter: 1,
    en: "Logging out, try again shortly.",
    zh: "正在登出,请稍后重试!",
  },
  upstream_busy: {
    status: 503,
    retryAfter: 1,
    en: "The application is busy, try again shortly.",
    zh: "应用繁忙，请稍后重试!",
  },
  upstream_unreachable: {
    status: 502,
    en: "The application cannot be reached.",
    zh: "无法连接到应用!",
  },
  upstream_timeout: {
    status: 504,
    en: "The application did not answer in time.",
    zh: "应用响应超时!",
  },
  internal_error: {
    status: 500,
    closes: true,
    en: "Something went wrong here.",
    zh: "服务内部错误!",
  },
} as const satisfies Record<RefusalReason, Refusal>;

/** What a client may do about its token if it needs none. */
const omitToken = {
  en: " Log in again, or send no token.",
  zh: "请重新登录，或不携带token访问!",
} as const;

/** The languages that the messages are in. */
export type Language = "en" | "zh";

/** How refusals are worded and shaped. */
export interface ResponderOptions {
  readonly language: Language;
  /** Texts that replace the built-in ones. */
  readonly messages: Partial<Record<RefusalReason, string>>;
  /** JSON with `${error}`, `${status}` and `${message}` where their JSON values go. */
  readonly body: string;
}

/** What a refusal needs to know of the request it answers. */
export interface RefusalContext {
  readonly requestId: string;
  /** Whether the request could do without its token. */
  readonly mayOmitToken: boolean;
  /** What a page of another origin needs to read the answer. */
  readonly corsHeaders: FieldLines;
}

/** Answers for revgate itself, never for the application. */
export interface Responder {
  /**
   * Sends a refusal: as the answer to a request, or on a connection that has no answer (upgrades, what
   * could not be parsed), which is then ended. Does nothing if the client has gone.
   */
  sendRefusal(client: Answer | Duplex, reason: RefusalReason, context: RefusalContext): void;
}

/** Makes the responder; what is the same in every answer is put together once, here. */
export function createResponder(options: ResponderOptions): Responder {
  const prepareAll = (mayOmitToken: boolean) =>
    Object.fromEntries(
      refusalReasons.map((reason) => [
        reason,
        prepare(reason, renderBody(reason, options, mayOmitToken)),
      ]),
    ) as Record<RefusalReason, PreparedAnswer>;
  const [standard, whereOptional] = [prepareAll(false), prepareAll(true)];

  return {
    sendRefusal(client, reason, context) {
      const headers = ["X-Request-Id", context.requestId, ...context.corsHeaders];
      const { closes }: Refusal = refusals[reason];
      const answers = context.mayOmitToken ? whereOptional : standard;
      if (!(client instanceof Answer)) return sendOnSocket(client, answers[reason], headers);
      if (client.gone || client.begun) return;
      if (closes === true) client.endConnection();
      client.sendPrepared(answers[reason], headers);
    },
  };
}

function sendOnSocket(socket: Duplex, answer: PreparedAnswer, more: FieldLines): void {
  if (socket.destroyed || !socket.writable) return;
  const { status, reason: phrase, headers, body } = answer;
  const fields = writeFields([...headers, ...more, "Connection", "close"]);
  socket.write(`HTTP/1.1 ${status} ${phrase}\r\n${fields}\r\n`, "latin1");
  socket.end(body, "latin1", () => socket.destroy());
}

/** The body of a refusal as text; also what the configuration's own check of `errors.body` uses. */
export function renderBody(
  reason: RefusalReason,
  options: ResponderOptions,
  mayOmitToken = false,
): string {
  const refusal: Refusal = refusals[reason];
  const remedy = mayOmitToken && refusal.challenge ? omitToken[options.language] : "";
  const values: Record<string, unknown> = {
    error: reason,
    status: refusal.status,
    message: options.messages[reason] ?? `${refusal[options.language]}${remedy}`,
  };
  return options.body.replace(/\$\{(error|status|message)\}/g, (_, name: string) =>
    JSON.stringify(values[name]),
  );
}

/** What is the same in every refusal for one reason; the application's phrase may be what could not be sent on. */
function prepare(reason: RefusalReason, text: string): PreparedAnswer {
  const { status } = refusals[reason];
  const body = Buffer.from(text).toString("latin1");
  return new PreparedAnswer({
    ...{ status, body },
    reason: STATUS_CODES[status] ?? "",
    headers: headersOf(reason, body),
  });
}

function headersOf(reason: RefusalReason, body: string): FieldLines {
  const refusal: Refusal = refusals[reason];
  const headers = [
    "Content-Type",
    "application/json; charset=utf-8",
    "Content-Length",
    String(body.length),
    "Cache-Control",
    "no-store",
  ];
  if (refusal.challenge !== undefined) headers.push("WWW-Authenticate", refusal.challenge);
  if (refusal.retryAfter !== undefined) headers.push("Retry-After", String(refusal.retryAfter));
  return headers;
}
