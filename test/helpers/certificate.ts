import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../tools/programs.ts";

/** Makes a certificate for loopback that signs itself: cert.pem and key.pem in a directory, or by another name. */
export function makeCertificate(
  directory: string,
  { name = "", subjectAltName = "IP:127.0.0.1" } = {},
) {
  const certFile = join(directory, `${name}cert.pem`);
  const keyFile = join(directory, `${name}key.pem`);
  const made = spawnSync(
    findProgram(["openssl"]),
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-days", "1", "-subj", "/CN=localhost", "-addext", `subjectAltName=${subjectAltName}`],
      ...["-keyout", keyFile, "-out", certFile],
    ],
    { encoding: "utf8" },
  );
  assert.equal(made.status, 0, made.stderr);
  return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
}
