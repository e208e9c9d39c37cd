import { readFileSync } from "node:fs";
import * as tls from "node:tls";

/** A part of Node's API that came with 22.15 and 23.10. */
type NewerTls = typeof tls & { getCACertificates?: (store: "default") => readonly string[] };

let trusted: readonly string[] | undefined;

/** The authorities that Node trusts where it is told none: those that it brings, and `NODE_EXTRA_CA_CERTS`. */
function trustedByNode(): readonly string[] {
  trusted ??= (tls as NewerTls).getCACertificates?.("default") ?? [
    ...tls.rootCertificates,
    ...extraByFile(),
  ];
  return trusted;
}

/** Node itself warns of a file that can't be read, and goes on without. */
function extraByFile(): readonly string[] {
  const file = process.env["NODE_EXTRA_CA_CERTS"];
  if (file === undefined || file === "") return [];
  try {
    return [readFileSync(file, "utf8")];
  } catch {
    return [];
  }
}

/**
 * The authorities that Node trusts and others, PEM: Node's option `ca` alone would put those in place of
 * its own. Make one secure context of them, and keep it: that takes tens of milliseconds.
 */
export function trustedBesides(added: Buffer): (string | Buffer)[] {
  return [...trustedByNode(), added];
}
