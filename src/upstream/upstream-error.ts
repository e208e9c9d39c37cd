/** Why the application's answer could not be had. */
export type UpstreamFailure = "upstream_unreachable" | "upstream_timeout" | "upstream_busy";

/** What went wrong between revgate and the application: a closed list, beside the system's own codes. */
export type UpstreamErrorCode =
  | "connect_timeout"
  | "response_timeout"
  | "idle_timeout"
  | "busy"
  | "closed"
  | "malformed"
  | "aborted";

/** An exchange with the application that came to no good end. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;

  constructor(code: UpstreamErrorCode, message: string) {
    super(message);
    this.name = "UpstreamError";
    this.code = code;
  }
}

const failures = new Map<string, UpstreamFailure>([
  ["connect_timeout", "upstream_timeout"],
  ["response_timeout", "upstream_timeout"],
  ["idle_timeout", "upstream_timeout"],
  ["ETIMEDOUT", "upstream_timeout"],
  ["busy", "upstream_busy"],
]);

/** Sorts an error of an exchange with the application, by what the client is told. */
export function classifyUpstreamError(error: Error): UpstreamFailure {
  const code = "code" in error ? String(error.code) : "";
  return failures.get(code) ?? "upstream_unreachable";
}
