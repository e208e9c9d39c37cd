import { type FieldLines, fieldValues } from "./field-lines.ts";

/**
 * Whether a request asks for a WebSocket, alone or among others. To ask for any other protocol means
 * nothing here (RFC 9110 section 7.8: a server may ignore it); default clients of Java do so.
 */
export function asksForWebSocket(lines: FieldLines): boolean {
  return fieldValues(lines, "upgrade").some((value) => /websocket/i.test(value));
}

/**
 * Whether `Connection` may nominate `Upgrade`; if it does not, no parser lets go of a connection. Read widely:
 * a server that missed a nomination would go on where Node has dropped what came next.
 */
export function mayNominateUpgrade(lines: FieldLines): boolean {
  return fieldValues(lines, "connection").some((value) => /upgrade/i.test(value));
}
