import { cookieValues, decodeCookieValue } from "../http/cookies.ts";
import type { HeaderList } from "../http/field-lines.ts";
import { PreparedAnswer } from "../node-http/whole-answers.ts";
import { refusals } from "./refusals.ts";
import type { RefusalReason } from "./verdict.ts";

/** Where a browser is sent, and which cookies are cleared if the token in them is refused. */
export interface PageRedirection {
  readonly redirect: string;
  readonly clearCookies: readonly string[];
}

/** What a redirection needs to know of the request that is refused. */
interface Refused {
  readonly request:
    | { readonly method: string | undefined; readonly headers: HeaderList }
    | undefined;
  readonly refusedCredential: string | undefined;
}

/** Makes what answers a browser that asks for a page with a redirection; undefined if a refusal is to be sent. */
export function createRedirection(
  html: PageRedirection | undefined,
): (reason: RefusalReason, refused: Refused) => PreparedAnswer | undefined {
  if (html === undefined) return () => undefined;
  const plain = prepare(html.redirect, []);
  return (reason, { request, refusedCredential }) => {
    if (request === undefined || !asksForPage(reason, request)) return undefined;
    if (refusedCredential === undefined || !dead.has(reason)) return plain;
    const held = html.clearCookies.filter((name) =>
      holds(request.headers, name, refusedCredential),
    );
    return held.length === 0 ? plain : prepare(html.redirect, held);
  };
}

/** Whether a browser asks for a page, and its token is what is wrong. */
function asksForPage(
  reason: RefusalReason,
  { method, headers }: NonNullable<Refused["request"]>,
): boolean {
  if (refusals[reason].status !== 401) return false;
  return (
    headers.first("accept")?.includes("text/html") === true &&
    (method === "GET" || method === "HEAD")
  );
}

const dead: ReadonlySet<RefusalReason> = new Set([
  "token_invalid",
  "token_expired",
  "token_revoked",
]);

/**
 * Whether a cookie holds a refused token, a scheme before it or not. Another may be live: a browser leaves a
 * SameSite=Strict cookie out if another site leads it here, and sends others beside a token in the query.
 */
function holds(headers: HeaderList, cookie: string, credential: string): boolean {
  const token = decodeCookieValue(credential);
  if (token === "") return false;
  return cookieValues(headers, cookie).some((value) => {
    const text = decodeCookieValue(value);
    return text === token || text.endsWith(` ${token}`) || text.endsWith(`+${token}`);
  });
}

function prepare(redirect: string, cookies: readonly string[]): PreparedAnswer {
  const cleared = cookies.flatMap((name) => ["Set-Cookie", `${name}=; Path=/; Max-Age=0`]);
  return new PreparedAnswer({
    ...{ status: 302, reason: "Found", body: "" },
    headers: [
      ...["Location", redirect, "Content-Length", "0", "Cache-Control", "no-store"],
      ...cleared,
    ],
  });
}
