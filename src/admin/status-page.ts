import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Answer } from "./answer.ts";
import type { Endpoint, Endpoints, Exchange } from "./endpoint.ts";
import type { LatestRevocation } from "./latest-revocations.ts";
import { carriesSecret, secretMissing } from "./secret.ts";

/** What the page shows beyond what probes and Prometheus are told. */
export interface StatusPageOptions {
  /** The admin secret; if there is one, tokens can be looked into and sessions ended from the page. */
  readonly secret: () => string | undefined;
  readonly latest: () => readonly LatestRevocation[];
}

const part = (name: string) =>
  readFileSync(new URL(`./status-page/${name}`, import.meta.url), "utf8");
const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/**
 * Makes the page at the admin listener's `/`: one document that loads nothing from elsewhere.
 *
 *     GET /         the page
 *     GET /latest   the latest revocations, for it
 *
 * The page reads `/metrics` and `/readyz` like everybody, and the rest with the secret that is typed into it.
 */
export function createStatusPage({ secret, latest }: StatusPageOptions): Endpoints {
  const { html, policy } = readPage();
  const own = { hosts: "own", audited: false } as const;
  const headers = { "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer" };

  function page(): Answer {
    const mode = secret() === undefined ? "without-api" : "with-api";
    const text = html.replace("<body>", `<body class="${mode}">`);
    return { status: 200, text: { type: "text/html; charset=utf-8", text }, headers };
  }

  /** With the secret all of it, since the API tells as much; without one, what the metrics tell anybody. */
  function latestFor({ request }: Exchange): Answer {
    const expected = secret();
    if (expected === undefined) {
      return { status: 200, body: latest().map(({ at, kind }) => ({ at, kind })) };
    }
    if (!carriesSecret(request.headers.authorization, expected)) return secretMissing;
    return { status: 200, body: latest() };
  }

  return new Map<string, Endpoint>([
    ["GET /", { ...own, answer: page }],
    ["GET /latest", { ...own, answer: latestFor }],
  ]);
}

/** The document, and the policy that allows its own style and script and nothing else. */
function readPage(): { readonly html: string; readonly policy: string } {
  const [style, script] = [part("style.css"), part("script.js")];
  const html = part("page.html")
    .replace("<!--style-->", () => style)
    .replace("<!--script-->", () => script);
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    `script-src ${hashOf(script)}`,
    "connect-src 'self'",
    ...["base-uri", "form-action", "frame-ancestors"].map((directive) => `${directive} 'none'`),
  ].join("; ");
  return { html, policy };
}
