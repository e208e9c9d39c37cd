import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "../tools/programs.ts";

/** The files of a certificate and its key. */
export interface TestPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority in a directory. */
export interface TestAuthority {
  readonly caFile: string;
  /** Makes a certificate for alternative names such as `DNS:localhost`, in `<file>.pem` and `<file>-key.pem`. */
  issue(file: string, names: string): TestPair;
}

/** Makes a certificate authority: `<name>.pem` and `<name>-key.pem`. */
export function makeAuthority(directory: string, name = "ca"): TestAuthority {
  const make = (file: string, more: readonly string[]): TestPair => {
    const certFile = join(directory, `${file}.pem`);
    const keyFile = join(directory, `${file}-key.pem`);
    const made = spawnSync(
      findProgram(["openssl"]),
      [
        ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
        ...["-days", "1", "-subj", `/CN=${file}`, "-keyout", keyFile, "-out", certFile, ...more],
      ],
      { encoding: "utf8" },
    );
    assert.equal(made.status, 0, made.stderr);
    return { certFile, keyFile };
  };
  const own = make(name, []);
  return {
    caFile: own.certFile,
    issue: (file, names) =>
      make(file, [
        ...["-CA", own.certFile, "-CAkey", own.keyFile],
        ...["-addext", `subjectAltName=${names}`],
      ]),
  };
}
