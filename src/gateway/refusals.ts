import type { RefusalReason } from "./verdict.ts";

/** How one refusal looks. */
export interface Refusal {
  readonly status: number;
  readonly en: string;
  /** What applications of this kind answer; some clients compare it. */
  readonly zh: string;
  /** For people, who see it in a toast. */
  readonly "zh-CN": string;
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
  token_missing: {
    status: 401,
    challenge: "Bearer",
    en: "Token is missing.",
    zh: "token缺失!",
    "zh-CN": "请先登录",
  },
  token_revoked: {
    status: 401,
    challenge: invalidToken,
    en: "Please log in again.",
    zh: "请重新登录!",
    "zh-CN": "登录已失效，请重新登录",
  },
  token_invalid: {
    status: 401,
    challenge: invalidToken,
    en: "Token is not valid.",
    zh: "token不合法!",
    "zh-CN": "登录信息无效，请重新登录",
  },
  token_expired: {
    status: 401,
    challenge: invalidToken,
    en: "Token has expired.",
    zh: "token过期!",
    "zh-CN": "登录已过期，请重新登录",
  },
  token_ambiguous: {
    status: 401,
    challenge: 'Bearer error="invalid_request"',
    en: "More than one token was sent.",
    zh: "请求中包含多个token!",
    "zh-CN": "登录信息有冲突，请重新登录",
  },
  request_ambiguous: {
    status: 400,
    closes: true,
    en: "Request could be read in more than one way.",
    zh: "请求格式有歧义!",
    "zh-CN": "请求格式有误",
  },
  request_too_large: {
    status: 431,
    closes: true,
    en: "Request headers are too large.",
    zh: "请求头过大!",
    "zh-CN": "请求头过大",
  },
  request_timeout: {
    status: 408,
    closes: true,
    en: "Request did not arrive in time.",
    zh: "请求接收超时!",
    "zh-CN": "网络超时，请重试",
  },
  certificate_required: {
    status: 403,
    closes: true,
    en: "A client certificate is required.",
    zh: "需要客户端证书!",
    "zh-CN": "需要客户端证书",
  },
  denylist_unavailable: {
    status: 503,
    retryAfter: 1,
    en: "Try again shortly.",
    zh: "服务暂不可用,请稍后重试!",
    "zh-CN": "服务暂时不可用，请稍后再试",
  },
  keys_unavailable: {
    status: 503,
    retryAfter: 1,
    en: "Try again shortly.",
    zh: "服务暂不可用,请稍后重试!",
    "zh-CN": "服务暂时不可用，请稍后再试",
  },
  checks_busy: {
    status: 503,
    retryAfter: 1,
    en: "Try again shortly.",
    zh: "服务暂不可用,请稍后重试!",
    "zh-CN": "当前访问人数较多，请稍后再试",
  },
  revocation_pending: {
    status: 503,
    retryAfter: 1,
    en: "Logging out, try again shortly.",
    zh: "正在登出,请稍后重试!",
    "zh-CN": "正在退出登录，请稍后再试",
  },
  upstream_busy: {
    status: 503,
    retryAfter: 1,
    en: "The application is busy, try again shortly.",
    zh: "应用繁忙，请稍后重试!",
    "zh-CN": "当前访问人数较多，请稍后再试",
  },
  upstream_unreachable: {
    status: 502,
    en: "The application cannot be reached.",
    zh: "无法连接到应用!",
    "zh-CN": "服务暂时无法访问，请稍后再试",
  },
  upstream_timeout: {
    status: 504,
    en: "The application did not answer in time.",
    zh: "应用响应超时!",
    "zh-CN": "服务响应超时，请稍后再试",
  },
  internal_error: {
    status: 500,
    closes: true,
    en: "Something went wrong here.",
    zh: "服务内部错误!",
    "zh-CN": "服务出错了，请稍后再试",
  },
} as const satisfies Record<RefusalReason, Refusal>;

/** What a client may do about its token if it needs none. */
export const omitToken = {
  en: " Log in again, or send no token.",
  zh: "请重新登录，或不携带token访问!",
  "zh-CN": "；也可以退出登录，以访客身份访问",
} as const;

/** The languages that the messages are in. */
export const languages = ["en", "zh", "zh-CN"] as const;
/** One of them. */
export type Language = (typeof languages)[number];
