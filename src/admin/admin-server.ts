import { createServer, type Server, type ServerResponse } from "node:http";
import type { DenylistHealth } from "../denylist/denylist.ts";
import type { AdminHandler } from "./exchange.ts";
import { openApi } from "./openapi.ts";

/** Where the answers come from. */
export interface AdminServerOptions {
  /** Whether requests should be sent here: the store answers, and nothing is being shut down. */
  readonly readiness: () => DenylistHealth;
  readonly renderMetrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** Why the configuration in force is not the one that is there; undefined where it is. */
  readonly configTrouble: () => string | undefined;
  /** What else is answered, where it is configured: the API, and what identity providers send. */
  readonly handlers: () => readonly AdminHandler[];
  /** The status page. */
  readonly page: AdminHandler;
}

/**
 * Makes the listener for the orchestrator and Prometheus, on a port of its own, so that no path of the
 * application's is ever taken away or made exempt for them.
 *
 *     GET /          the status page
 *     GET /healthz   200 while the process serves
 *     GET /readyz    200 or 503, with the reason
 *     GET /metrics   Prometheus text format
 *     GET /openapi.json, and what admin-api.ts and signal-receiver.ts answer, where that is configured
 */
export function createAdminServer(options: AdminServerOptions): Server {
  return createServer((request, response) => {
    const handlers = [...options.handlers(), options.page];
    if (handlers.some((handler) => handler(request, response))) return;
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return answer(response, 405, "text/plain", "Only GET is answered here.\n");
    }
    switch (request.url?.split("?", 1)[0]) {
      case "/healthz":
        return answerJson(response, 200, { status: "ok" });
      case "/readyz":
        return answerReadiness(response, options);
      case "/openapi.json":
        return options.handlers().length > 0
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
  answer(response, 404, "text/plain", "Try /, /healthz, /readyz or /metrics.\n");
}

/** A configuration that can't be used takes nobody out of service: the one before is in force. */
function answerReadiness(response: ServerResponse, options: AdminServerOptions): void {
  const { ready, reason } = options.readiness();
  const config = options.configTrouble();
  answerJson(response, ready ? 200 : 503, {
    status: ready ? "ready" : "not_ready",
    ...(reason !== undefined && { reason }),
    ...(config !== undefined && { config }),
  });
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
