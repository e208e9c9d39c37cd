import type { IncomingMessage } from "node:http";
import type { Logger } from "../observability/logger.ts";
import type { AdminAnswer } from "./answer.ts";

/** One request to the admin port that may end something, or was not believed, for the log. */
export interface AuditEvent {
  readonly action: string;
  readonly status: number;
  readonly peer: string | undefined;
  /** The Host that a refused request named. */
  readonly host?: string | undefined;
  readonly names?: readonly string[];
  readonly error?: string;
}

/** Told of what was asked for, and what came of it; never of a credential. */
export type Audit = (event: AuditEvent) => void;

/** Makes the audit that writes to the log. */
export function createAudit(logger: Pick<Logger, "info">): Audit {
  return (event) => logger.info({ audit: event }, "admin listener");
}

const maxLoggedChars = 200;

/** What the log is told of a request and its answer. */
export function auditEventOf(request: IncomingMessage, answer: AdminAnswer): AuditEvent {
  const [path = ""] = (request.url ?? "").split("?", 1);
  const { error, err } = (answer.body ?? {}) as { error?: string; err?: string };
  return {
    action: cut(`${request.method} ${path}`),
    status: answer.status,
    peer: request.socket.remoteAddress,
    ...(answer.distrust === "host" && { host: cut(request.headers.host ?? "none") }),
    ...(answer.names && { names: answer.names }),
    ...((error ?? err) !== undefined && { error: error ?? err }),
  } as AuditEvent;
}

function cut(text: string): string {
  return text.length <= maxLoggedChars ? text : `${text.slice(0, maxLoggedChars)}…`;
}
