import { errors } from "undici";
import { applicationReset } from "./closing-socket.ts";

/** Why the application's answer could not be had. */
export type UpstreamFailure = "upstream_unreachable" | "upstream_timeout";

const timeouts = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"]);
const resets = new Set(["ECONNRESET", "EPIPE", applicationReset]);

/** Sorts an error of the connection to the application: no answer in time, or no answer at all. */
export function classifyUpstreamError(error: Error): UpstreamFailure {
  return timeouts.has(codeOf(error)) ? "upstream_timeout" : "upstream_unreachable";
}

/** Whether a connection that had served before was closed under the request, as happens to idle ones. */
export function isStaleSocket(error: Error): boolean {
  if (resets.has(codeOf(error))) return true;
  return error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}
