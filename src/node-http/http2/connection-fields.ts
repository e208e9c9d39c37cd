/**
 * What means something to a connection of HTTP/1.1 alone (RFC 9113 section 8.2.2). In requests Node refuses them; they would
 * frame a message of HTTP/1.1, so they are looked for once more.
 */
export const connectionFields: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);
