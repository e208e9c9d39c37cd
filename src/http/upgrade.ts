import { type FieldLines, fieldValues } from "./field-lines.ts";

/**
 * Whether a request asks for a WebSocket, alone or among others. To ask for any other protocol means
 * nothing here (RFC 9110 section 7.8: a server may ignore it); default clients of Java do so.
 */
export function asksForWebSocket(lines: FieldLines): boolean {
  return fieldValues(lines, "upgrade").some((value) => /websocket/i.test(value));
}

/** Whether `Connection` nominates `Upgrade`: without, there is nothing that a server could switch to. */
export function nominatesUpgrade(lines: FieldLines): boolean {
  return fieldValues(lines, "connection").some((value) =>
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(value),
  );
}
