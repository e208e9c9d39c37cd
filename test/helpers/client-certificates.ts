import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../tools/programs.ts";
import { makeCertificate } from "./certificate.ts";

/** A client's certificate and key, PEM. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes an authority (ca.pem in a directory), and what makes certificates of it. */
export function makeClientAuthority(directory: string): (name: string) => ClientCertificate {
  const { cert } = makeCertificate(directory, { name: "ca-" });
  assert.ok(cert);
  return (name) => {
    const [keyFile, certFile] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
    run(directory, [
      ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-subj", `/CN=${name}`, "-keyout", keyFile, "-out", `${name}.csr`],
    ]);
    run(directory, [
      ...["x509", "-req", "-in", `${name}.csr`, "-days", "1", "-out", certFile],
      ...["-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"],
    ]);
    return { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
  };
}

function run(cwd: string, args: readonly string[]): void {
  const made = spawnSync(findProgram(["openssl"]), args, { cwd, encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
}

/** What a token says that is bound to a certificate (RFC 8705 section 3.1). */
export function boundTo({ cert }: ClientCertificate) {
  const hash = createHash("sha256").update(new X509Certificate(cert).raw).digest("base64url");
  return { cnf: { "x5t#S256": hash } };
}
