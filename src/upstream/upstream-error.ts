/** Why the application's answer could not be had. */
export type UpstreamFailure = "upstream_unreachable" | "upstream_timeout";

/** What went wrong between revgate and the application: a closed list, beside the system's own codes. */
export type UpstreamErrorCode =
  | "connect_timeout"
  | "response_timeout"
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

const timeouts = new Set(["connect_timeout", "response_timeout", "ETIMEDOUT"]);

/** Sorts an error of the connection to the application: no answer in time, or no answer at all. */
export function classifyUpstreamError(error: Error): UpstreamFailure {
  const code = "code" in error ? String(error.code) : "";
  return timeouts.has(code) ? "upstream_timeout" : "upstream_unreachable";
}
