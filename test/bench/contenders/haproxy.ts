/** HAProxy from Debian's packages: RS256 on each request, revoked tokens in an ACL of its own memory. */
import { haproxyBackend, haproxyProcess } from "./one-process.ts";

/** Where it listens, and what it is in front of. */
export interface HaproxyOptions {
  readonly port: number;
  readonly upstreamPort: number;
  readonly publicKeyFile: string;
  /** An empty file: the name under which HAProxy keeps what has been revoked. */
  readonly revokedFile: string;
}

/** The Debian package it is. */
export const haproxyPackages = ["haproxy"];

export function haproxyConfig(options: HaproxyOptions): string {
  const { port, upstreamPort, publicKeyFile, revokedFile } = options;
  return `
${haproxyProcess}
frontend gate
  bind 127.0.0.1:${port}
  http-request set-var(txn.token) req.hdr(token)
  http-request deny deny_status 401 unless { var(txn.token) -m found }
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str RS256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("RS256","${publicKeyFile}") -m int 1 }
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if { var(txn.token),jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }
  http-request set-var(txn.jti) var(txn.token),jwt_payload_query('$.jti')
  http-request deny deny_status 401 if { var(txn.jti) -m str -f ${revokedFile} }
  http-request add-acl(${revokedFile}) %[var(txn.jti)] if { path /logout }
  default_backend application
${haproxyBackend(upstreamPort)}
`;
}
