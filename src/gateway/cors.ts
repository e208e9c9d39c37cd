import type { FieldLines, HeaderList } from "../http/field-lines.ts";

/** What pages of other origins may do (Fetch standard, section 3.3). */
export interface CorsOptions {
  /**
   * Origins as browsers send them, `https://*.shop.example` for every subdomain of one, or `*`. Empty:
   * revgate's own answers say nothing of CORS.
   */
  readonly allowOrigins: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly allowCredentials: boolean;
  readonly maxAgeSeconds: number;
  readonly preflight: "refuse" | "forward" | "answer";
}

/** Whether a request is exactly what a browser sends ahead of a cross-origin request: no body, both headers, once. */
export function isPreflight(method: string | undefined, headers: HeaderList): boolean {
  return (
    method === "OPTIONS" &&
    headers.all("origin").length === 1 &&
    headers.all("access-control-request-method").length === 1 &&
    !headers.has("transfer-encoding") &&
    (headers.first("content-length") ?? "0") === "0"
  );
}

/** The headers a page needs to read an answer of revgate's own; none where its origin is not allowed. */
export function corsHeaders(origin: string | undefined, options: CorsOptions): FieldLines {
  const allowed = allowedOrigin(origin, options);
  if (allowed === undefined) return [];
  const headers = ["Access-Control-Allow-Origin", allowed];
  if (allowed !== "*") headers.push("Vary", "Origin");
  if (options.allowCredentials) headers.push("Access-Control-Allow-Credentials", "true");
  headers.push("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id");
  return headers;
}

/** The answer to a preflight, or undefined where its origin is not allowed. */
export function preflightHeaders(
  headers: HeaderList,
  options: CorsOptions,
): FieldLines | undefined {
  const allowed = allowedOrigin(headers.first("origin"), options);
  if (allowed === undefined) return undefined;
  return [
    "Access-Control-Allow-Origin",
    allowed,
    "Vary",
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    "Access-Control-Allow-Methods",
    headers.first("access-control-request-method") ?? "",
    "Access-Control-Allow-Headers",
    options.allowHeaders.join(", "),
    ...(options.allowCredentials ? ["Access-Control-Allow-Credentials", "true"] : []),
    "Access-Control-Max-Age",
    String(options.maxAgeSeconds),
    "Content-Length",
    "0",
  ];
}

function allowedOrigin(origin: string | undefined, options: CorsOptions): string | undefined {
  if (origin === undefined) return undefined;
  if (options.allowOrigins.some((pattern) => isOrigin(origin, pattern))) return origin;
  // With credentials a wildcard means nothing to browsers (Fetch standard, section 3.3.5).
  return options.allowOrigins.includes("*") && !options.allowCredentials ? "*" : undefined;
}

const anySubdomain = "*.";
const labels = /^[\w-]+(?:\.[\w-]+)*$/;

function isOrigin(origin: string, pattern: string): boolean {
  const at = pattern.indexOf(anySubdomain);
  if (at === -1) return origin === pattern;
  const [before, behind] = [pattern.slice(0, at), pattern.slice(at + 1)];
  if (!origin.startsWith(before) || !origin.endsWith(behind)) return false;
  return labels.test(origin.slice(before.length, origin.length - behind.length));
}

/** Whether an entry of `allowOrigins` can be the origin of any request. */
export function isOriginPattern(text: string): boolean {
  if (text === "*") return true;
  const [, scheme = "", wildcard = "", host = ""] =
    /^([a-z][a-z\d+.-]*):\/\/(\*\.)?([^\s/?#@*]+)$/.exec(text) ?? [];
  if (host === "") return false;
  // Of all subdomains of a top-level domain, one is somebody else's.
  if (wildcard !== "" && !/\..*[a-z]|^localhost(?::\d+)?$/.test(host)) return false;
  // Those of apps (`capacitor://localhost`) are no more than their text.
  if (scheme !== "http" && scheme !== "https") return true;
  const plain = `${scheme}://${host}`;
  return URL.canParse(plain) && new URL(plain).origin === plain;
}
