import type { TestContext } from "node:test";
import type { Gatekeeper, PlaceGatekeeper } from "../attack.ts";
import { type Framework, startFrameworks } from "../frameworks/framework.ts";

/** A gate in front of each framework. */
export interface Fronted {
  readonly framework: Framework;
  readonly gate: Gatekeeper;
}

/** Puts a gate in front of each framework; without any, those are started as well. */
export async function placeInFront(
  t: TestContext,
  place: PlaceGatekeeper,
  frameworks?: readonly Framework[],
): Promise<Fronted[]> {
  return Promise.all(
    (frameworks ?? (await startFrameworks(t))).map(async (framework) => ({
      framework,
      gate: await place(t, { upstream: framework.url, yaml: "log: { level: silent }" }),
    })),
  );
}

/**
 * Spellings of a path that some server has been seen to take for it, or for it with something around it.
 *
 * "Some server" means: Express 5, Fastify 5 and Flask 3 with every leniency turned on, and the model in
 * lenient-router.ts for what servlet containers, IIS and C programs do.
 */
export function respellingsOf(path: string): readonly [spelling: string, source: string][] {
  const bare = path.slice(1);
  const [first = "", rest = ""] = [bare.slice(0, 1), bare.slice(1)];
  const hex = first.charCodeAt(0).toString(16);
  return [
    [`${path}/`, "Express, Flask: strict routing off"],
    [path.toUpperCase(), "Express: case-insensitive routing"],
    [`/${first.toUpperCase()}${rest}`, "Express: case-insensitive routing"],
    [`/%${hex}${rest}`, "RFC 3986 section 6.2.2.2"],
    [`/%${hex.toUpperCase()}${rest.toUpperCase()}/`, "RFC 3986 section 6.2.2.2"],
    [`/%25${hex}${rest}`, "CWE-174; CVE-2025-66490"],
    [`/%u00${hex}${rest}`, "IIS, CWE-176"],
    [`${path};`, "Jakarta Servlet 6 section 3.5.2"],
    [`${path};jsessionid=1`, "Jakarta Servlet 6 section 3.5.2; CVE-2020-5902"],
    [`${path};a=b/static`, "Fastify: a semicolon begins the query"],
    [`${path}/;/static/x`, "Fastify: a semicolon begins the query"],
    [`${path}%3bx`, "CVE-2025-66490"],
    [`/;x=1${path}`, "Jakarta Servlet 6 section 3.5.2"],
    [`/${path}`, "CVE-2021-29492, Istio-2021-005"],
    [`//${path}`, "CVE-2021-29492, Istio-2021-005"],
    [`${path}//`, "CVE-2021-29492"],
    [`/.${path}`, "RFC 3986 section 5.2.4; CVE-2026-42274"],
    [`/a/..${path}`, "RFC 3986 section 5.2.4; CVE-2026-42274"],
    [`/static/..${path}`, "CVE-2026-42274"],
    [`/static/../..${path}`, "CVE-2026-42274"],
    [`/login/..${path}`, "CVE-2026-42274"],
    [`/static/..;${path}`, "CVE-2018-1271, CVE-2020-5902"],
    [`/static/..;x=y${path}`, "CVE-2020-5902"],
    [`/static/%2e%2e${path}`, "CVE-2021-41773"],
    [`/static/.%2e${path}`, "CVE-2021-41773"],
    [`/static/%252e%252e${path}`, "CVE-2021-42013"],
    [`/static/..%2f${bare}`, "CVE-2025-66490, CVE-2021-31920"],
    [`/static/..%2F${bare}`, "CVE-2025-66490"],
    [`/static/..%5c${bare}`, "CVE-2025-66490"],
    [`/static/..%252f${bare}`, "CVE-2021-42013"],
    [`/static/%c0%ae%c0%ae${path}`, "RFC 3629 section 10, CVE-2000-0884"],
    [`/static/..%c0%af${bare}`, "RFC 3629 section 10, CVE-2000-0884"],
    [`/static/..\\${bare}`, "WHATWG URL, special schemes"],
    [`/\\${bare}`, "http-proxy 1.18.1: url.parse"],
    [`\\${bare}`, "http-proxy 1.18.1: url.parse"],
    [`%2f${bare}`, "CVE-2025-66490"],
    [`/%2f${bare}`, "CVE-2025-66490"],
    [bare, "RFC 9112 section 3.2"],
    [`http://a${path}`, "RFC 9112 section 3.2.2"],
    [`HTTP://a${path}`, "RFC 9112 section 3.2.2"],
    [`http://evil/static/x/..${path}`, "RFC 9112 section 3.2.2"],
    [`${path}#`, "GHSA-pxq7-h93f-9jrg"],
    [`${path}#/static/x`, "GHSA-pxq7-h93f-9jrg"],
    [`/static/x#/..${path}`, "GHSA-pxq7-h93f-9jrg"],
    [`${path}%23`, "CVE-2025-66490"],
    [`${path}?`, "RFC 3986 section 3.4"],
    [`${path}?/static/x`, "GHSA-7rh7-c77v-6434"],
    [`${path}?x=%00`, "RFC 3986 section 3.4"],
    [`${path}%3f`, "CVE-2025-66490"],
    [`${path}%00`, "CVE-2025-66490, CWE-158"],
    [`${path}%00.css`, "CWE-158"],
    [`${path}%0a`, "CWE-93"],
    [`${path}%20`, "IIS: trailing white space"],
    [`${path}.`, "IIS: trailing dots"],
    [`${path}%2e`, "IIS: trailing dots"],
    [`${path}/.`, "RFC 3986 section 5.2.4"],
    [`${path}/./`, "RFC 3986 section 5.2.4"],
    [`${path}/x/..`, "RFC 3986 section 5.2.4"],
    [`${path}%`, "RFC 3986 section 2.1"],
    [`${path}%zz`, "RFC 3986 section 2.1"],
    [`${path}\xff`, "RFC 3986 section 2"],
  ];
}
