import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { AdminHandler } from "./exchange.ts";
import type { LatestRevocation } from "./latest-revocations.ts";

/** What the page shows beyond what probes and Prometheus are told. */
export interface StatusPageOptions {
  /** Whether tokens can be looked into and sessions ended from it: whether there is an admin secret. */
  readonly hasApi: () => boolean;
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
 * It reads `/metrics` and `/readyz` like everybody, and the API with the secret that is typed into it.
 */
export function createStatusPage({ hasApi, latest }: StatusPageOptions): AdminHandler {
  const [style, script] = [part("style.css"), part("script.js")];
  const page = part("page.html")
    .replace("<!--style-->", () => style)
    .replace("<!--script-->", () => script);
  const policy = [
    "default-src 'none'",
    `style-src ${hashOf(style)}`,
    `script-src ${hashOf(script)}`,
    "connect-src 'self'",
    ...["base-uri", "form-action", "frame-ancestors"].map((directive) => `${directive} 'none'`),
  ].join("; ");

  function bodyFor(path: string | undefined): readonly [type: string, body: string] | undefined {
    if (path === "/latest") return ["application/json", `${JSON.stringify(latest())}\n`];
    if (path !== "/") return undefined;
    const mode = hasApi() ? "with-api" : "without-api";
    return ["text/html", page.replace("<body>", `<body class="${mode}">`)];
  }

  return (request, response) => {
    const [path] = (request.url ?? "").split("?", 1);
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    const found = bodyFor(path);
    if (found === undefined) return false;
    const [type, body] = found;
    response.writeHead(200, {
      "Content-Type": `${type}; charset=utf-8`,
      "Content-Length": Buffer.byteLength(body),
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cache-Control": "no-store",
    });
    response.end(body);
    return true;
  };
}
