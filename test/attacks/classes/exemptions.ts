import assert from "node:assert/strict";
import { defineAttacks, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";
import { type Fronted, placeInFront, respellingsOf } from "./fronted.ts";

type Site = readonly Fronted[];

/** What may be reached without a token: the handlers of the public rules. */
const open = new Set(["login", "static", "reset"]);

/** Sends a request without a token, and rejects if it reaches anything but what is open. */
export async function assertNothingElseReached(
  { gate, framework }: Fronted,
  line: string,
  more: readonly string[],
): Promise<void> {
  const bytes = head(`${line} HTTP/1.1`, ["Content-Length: 0", ...more]);
  const { headers } = await exchange(gate.port, bytes);
  const handler = headers["handled-by"];
  const reached = handler === undefined || open.has(handler);
  assert.ok(reached, `${framework.name}: ${[line, ...more].join(" with ")} reached ${handler}`);
}

function withoutToken(line: string, source: string, more: readonly string[] = []): Vector<Site> {
  return {
    name: [line, ...more].join(" with "),
    source,
    async attempt(fronts) {
      for (const front of fronts) await assertNothingElseReached(front, line, more);
    },
  };
}

const paths = ["/me", "/change-password"].flatMap((path) =>
  respellingsOf(path).map(([spelling, source]) => withoutToken(`GET ${spelling}`, source)),
);

/** Public rules with something behind or around them that makes another path of them. */
const beyond: [string, string][] = [
  ["POST /login/../me", "CVE-2026-42274"],
  ["POST /loginx", "startsWith"],
  ["POST /login/me", "startsWith"],
  ["POST /login.json", "startsWith"],
  ["POST /login/", "exemptions match as written"],
  ["POST /LOGIN", "exemptions match as written"],
  ["POST /login;/../me", "Jakarta Servlet 6 section 3.5.2"],
  ["POST /login%2f..%2fme", "CVE-2025-66490"],
  ["POST /login%3f/../me", "CVE-2025-66490"],
  ["POST /login%00/me", "CWE-158"],
  ["GET /login", "a rule for one method is none for another"],
  ["GET /static", "startsWith"],
  ["GET /staticx", "startsWith"],
  ["GET /static/", "Fastify: trailing slashes ignored"],
  ["GET /me?/static/", "GHSA-7rh7-c77v-6434"],
  ["GET /me?x=/../static/a", "GHSA-7rh7-c77v-6434"],
  ["GET /me#/static/a", "GHSA-pxq7-h93f-9jrg"],
  ["OPTIONS *", "RFC 9112 section 3.2.4"],
  ["OPTIONS /me", "Fetch standard: a preflight is a choice of the operator"],
  ["TRACE /me", "RFC 9110 section 9.3.8"],
  ["CONNECT a:80", "RFC 9110 section 9.3.6"],
];

/** Headers by which gateways have been told another path, user or purpose. */
const claimed: [string, string][] = [
  ["X-Original-URL: /login", "CVE-2026-40575"],
  ["X-Rewrite-URL: /login", "CVE-2026-40575"],
  ["X-Forwarded-Uri: /login", "CVE-2026-40575, GHSA-7x63-xv5r-3p2x"],
  ["X-Forwarded-Prefix: /static", "GHSA-6384-m2mw-rf54"],
  ["X-Forwarded-Method: POST", "CVE-2026-40575"],
  ["User-Agent: GoogleHC/1.0", "GHSA-5hvv-m4w4-gf6v"],
  ["User-Agent: kube-probe/1.33", "GHSA-5hvv-m4w4-gf6v"],
  ["X-Forwarded-For: 127.0.0.1", "oathkeeper 36a676e4"],
  ["X-Real-IP: 127.0.0.1", "CWE-290"],
  ["X-User: admin", "CVE-2025-64484"],
  ["Host: localhost", "CWE-290"],
  ["Upgrade: websocket", "RFC 6455 section 4.1"],
  ["Access-Control-Request-Method: GET", "Fetch standard section 3.3.2"],
];

const methods = ["GET", "DELETE", "PUT", "LOGIN", ""].flatMap((method) =>
  ["X-HTTP-Method-Override", "X-HTTP-Method", "X_Method_Override"].map((name) =>
    withoutToken("POST /login", "method-override 3", [`${name}: ${method}`]),
  ),
);

const methodsInQuery = ["_method=DELETE", "a=b&_method=put", "_method=POST&_method=PUT"].map(
  (query) => withoutToken(`POST /login?${query}`, "method-override 3: methodOverride('_method')"),
);

export const exemptions = defineAttacks<Site>({
  name: "Widening the exemptions",
  advisories: [
    "GHSA-7rh7-c77v-6434",
    "GHSA-pxq7-h93f-9jrg",
    "CVE-2026-40575",
    "GHSA-5hvv-m4w4-gf6v",
  ],
  open: (t, place) => placeInFront(t, place),
  vectors: [
    ...paths,
    ...beyond.map(([line, source]) => withoutToken(line, source)),
    ...claimed.map(([line, source]) => withoutToken("GET /me", source, [line])),
    ...methods,
    ...methodsInQuery,
  ],
});
