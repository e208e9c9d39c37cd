import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { AdminAnswer } from "./answer.ts";
import type { AdminExchange, Endpoint, Endpoints } from "./endpoint.ts";
import type { LatestRevocation } from "./latest-revocations.ts";
import type { Overview } from "./overview.ts";
import { carriesSecret, secretMissing } from "./secret.ts";

/** What the page shows beyond what probes and Prometheus are told. */
export interface StatusPageOptions {
  /** The admin secret; if there is one, tokens can be looked into and sessions ended from the page. */
  readonly secret: () => string | undefined;
  readonly latest: () => readonly LatestRevocation[];
  readonly overview: () => Overview;
}

/** The parts of the page's script, in the order in which they stand in it. */
const scripts = [
  ...["series", "units", "elements", "plots", "troubles", "figures"],
  ...["lists", "access", "sessions", "main"],
];

const part = (name: string) =>
  readFileSync(new URL(`./status-page/${name}`, import.meta.url), "utf8");
const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/**
 * Makes the page at the admin listener's `/`: one document that loads nothing from elsewhere.
 *
 *     GET /           the page
 *     GET /runbook    what to do about each trouble that it shows
 *     GET /overview   the fleet and the last hour, in counts, for the page
 *     GET /latest     the latest revocations, for it
 *
 * The page reads `/metrics` and `/readyz` like everybody. Names (`/latest`, and the API) need the secret that is
 * typed into it; counts do not (docs/decisions/0091).
 */
export function createStatusPage({ secret, latest, overview }: StatusPageOptions): Endpoints {
  const script = scripts.map((name) => asOnePart(part(`${name}.js`))).join("\n");
  const page = readPage("page.html", script);
  const runbook = readPage("runbook.html", undefined);

  function status(): AdminAnswer {
    const mode = secret() === undefined ? "without-api" : "with-api";
    const text = page.html.replace("<body>", `<body class="${mode}">`);
    return htmlAnswer({ ...page, html: text });
  }

  /** With the secret all of it, since the API tells as much; without one, what the metrics tell anybody. */
  function latestFor({ request }: AdminExchange): AdminAnswer {
    const expected = secret();
    if (expected === undefined) {
      return { status: 200, body: latest().map(({ at, kind }) => ({ at, kind })) };
    }
    if (!carriesSecret(request.headers.authorization, expected)) return secretMissing;
    return { status: 200, body: latest() };
  }

  const own = { hosts: "own", audited: false } as const;
  return new Map<string, Endpoint>([
    ["GET /", { ...own, answer: status }],
    ["GET /runbook", { ...own, answer: () => htmlAnswer(runbook) }],
    ["GET /overview", { ...own, answer: () => ({ status: 200, body: overview() }) }],
    ["GET /latest", { ...own, answer: latestFor }],
  ]);
}

/** A document, and the policy that allows its own style and script and nothing else. */
interface Page {
  readonly html: string;
  readonly policy: string;
}

function htmlAnswer({ html, policy }: Page): AdminAnswer {
  const headers = { "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer" };
  return { status: 200, text: { type: "text/html; charset=utf-8", text: html }, headers };
}

function readPage(name: string, script: string | undefined): Page {
  const style = part("style.css");
  const html = part(name)
    .replace("<!--style-->", () => style)
    .replace("<!--script-->", () => script ?? "");
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    ...(script === undefined ? [] : [`script-src ${hashOf(script)}`, "connect-src 'self'"]),
    ...["base-uri", "form-action", "frame-ancestors"].map((directive) => `${directive} 'none'`),
  ].join("; ");
  return { html, policy };
}

/** A module as a part of one script: what it imports stands before it in the same script. */
function asOnePart(module: string): string {
  return module
    .replace(/^import [^;]*;\n/gm, "")
    .replace(/^export (?=const|let|function|async)/gm, "");
}
