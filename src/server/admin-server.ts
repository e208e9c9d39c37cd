import { createServer, type Server, type ServerResponse } from "node:http";
import type { DenylistHealth } from "../denylist/denylist.ts";
import type { AdminHandler } from "./admin-http.ts";
import { openApi } from "./openapi.ts";

/** Where the answers come from. */
export interface AdminServerOptions {
  /** Whether requests should be sent here: the store answers, and nothing is being shut down. */
  readonly readiness: () => DenylistHealth;
  readonly renderMetrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** What else is answered, where it is configured: the API, and what identity providers send. */
  readonly handlers: readonly AdminHandler[];
}

/**
 * Makes the listener for the orchestrator and Prometheus, on a port of its own, so that no path of the
 * application's is ever taken away or made exempt for them.
 *
 *     GET /healthz   200 while the process serves
 *     GET /readyz    200 or 503, with the reason
 *     GET /metrics   Prometheus text format
 *     GET /openapi.json, and what admin-api.ts and signal-receiver.ts answer, where that is configured
 */
export function createAdminServer(options: AdminServerOptions): Server {
  return createServer((request, response) => {
    if (options.handlers.some((handler) => handler(request, response))) return;
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return answer(response, 405, "text/plain", "Only GET is answered here.\n");
    }
    switch (request.url?.split("?", 1)[0]) {
      case "/healthz":
        return answerJson(response, 200, { status: "ok" });
      case "/readyz":
        return answerReadiness(response, options.readiness());
      case "/openapi.json":
        return options.handlers.length > 0
          ? answerJson(response, 200, openApi)
          : notFound(response);
      case "/metrics":
        return void answerMetrics(response, options);
      default:
        return notFound(response);
    }
  });
}

function notFound(response: ServerResponse): void {
  answer(response, 404, "text/plain", "Try /healthz, /readyz or /metrics.\n");
}

function answerReadiness(response: ServerResponse, { ready, reason }: DenylistHealth): void {
  const status = ready ? "ready" : "not_ready";
  answerJson(response, ready ? 200 : 503, reason === undefined ? { status } : { status, reason });
}

async function answerMetrics(
  response: ServerResponse,
  { renderMetrics }: AdminServerOptions,
): Promise<void> {
  const { contentType, text } = await renderMetrics();
  answer(response, 200, contentType, text);
}

function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, "application/json; charset=utf-8", `${JSON.stringify(value)}\n`);
}

function answer(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
  response.end(text);
}
