import type { RefusalReason } from "./verdict.ts";

/** How one refusal looks. */
export interface Refusal {
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

/** Every answer that revgate gives by itself, as it is unless `errors` says otherwise. */
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
  checks_busy: {
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
export const omitToken = {
  en: " Log in again, or send no token.",
  zh: "请重新登录，或不携带token访问!",
} as const;

/** The languages that the messages are in. */
export const languages = ["en", "zh"] as const;
/** One of them. */
export type Language = (typeof languages)[number];
