import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { SettingPath } from "./document.ts";
import type { SettingFiles } from "./key-files.ts";
import type { Settings } from "./schema.ts";

/** A certificate with its chain, and its private key, PEM. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The certificates and keys of TLS, as their files hold them. */
export interface TlsFiles {
  /** What clients are shown, and the authorities of their own certificates. */
  readonly tls: (Certificate & { readonly clientCa: Buffer | undefined }) | undefined;
  /** What gateways that ask are shown, and the authorities of their own certificates. */
  readonly decisionsTls: (Certificate & { readonly clientCa: Buffer | undefined }) | undefined;
  readonly upstreamCa: Buffer | undefined;
  /** What the application is shown. */
  readonly upstreamCertificate: Certificate | undefined;
}

/** Reads them, and reports those that TLS can't use. */
export async function readTlsFiles(
  { listen, decisions, upstream }: Settings,
  files: SettingFiles,
): Promise<TlsFiles> {
  return {
    tls: await readServerTls(listen.tls, ["listen", "tls"], files),
    decisionsTls: await readServerTls(decisions?.tls, ["decisions", "tls"], files),
    upstreamCa: await readAuthorities(upstream.caFile, ["upstream", "caFile"], files),
    upstreamCertificate: await readCertificate(upstream, ["upstream"], files),
  };
}

/** What peers are shown that connect here, and the authorities of theirs. */
async function readServerTls(
  tls: (CertificateSettings & { readonly clientCaFile?: string | undefined }) | undefined,
  path: SettingPath,
  files: SettingFiles,
): Promise<TlsFiles["tls"]> {
  const own = tls && (await readCertificate(tls, path, files));
  const clientCa = await readAuthorities(tls?.clientCaFile, [...path, "clientCaFile"], files);
  return own && { ...own, clientCa };
}

interface CertificateSettings {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Reads a certificate and its key; undefined, and reported, if they can't be used together. */
export async function readCertificate(
  { certFile, keyFile }: CertificateSettings,
  base: SettingPath,
  { read, report }: SettingFiles,
): Promise<Certificate | undefined> {
  const cert = await read(certFile, [...base, "certFile"]);
  const key = await read(keyFile, [...base, "keyFile"]);
  if (cert === undefined || key === undefined) return undefined;
  const trouble = troubleWith({ cert, key });
  if (trouble === undefined) return { cert, key };
  // Each by itself first: which of the two it is.
  const troubles = { certFile: troubleWith({ cert }), keyFile: troubleWith({ key }) };
  if (troubles.certFile !== undefined) {
    report([...base, "certFile"], `${certFile} is no certificate, PEM (${troubles.certFile})`);
  }
  if (troubles.keyFile !== undefined) {
    report([...base, "keyFile"], `${keyFile} is no private key, PEM (${troubles.keyFile})`);
  }
  if (troubles.certFile === undefined && troubles.keyFile === undefined) {
    const both = `the certificate in ${certFile} and the key in ${keyFile}`;
    report([...base, "certFile"], `${both} do not belong together (${trouble})`);
  }
  return undefined;
}

/** Reads PEM certificates of authorities; undefined, and reported, if it holds none. */
export async function readAuthorities(
  file: string | undefined,
  path: SettingPath,
  { read, report }: SettingFiles,
): Promise<Buffer | undefined> {
  const ca = await read(file, path);
  if (ca === undefined) return undefined;
  const trouble = troubleWithAuthorities(ca.toString("latin1"));
  if (trouble === undefined) return ca;
  report(path, `expected certificates, PEM, in ${file} (${trouble})`);
  return undefined;
}

const certificate =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]*-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/** OpenSSL itself skips what is none. */
function troubleWithAuthorities(pem: string): string | undefined {
  const found = pem.match(certificate) ?? [];
  if (found.length === 0) return "it holds none";
  try {
    for (const each of found) new X509Certificate(each);
    return troubleWith({ ca: pem });
  } catch (error) {
    return (error as Error).message;
  }
}

function troubleWith(options: SecureContextOptions): string | undefined {
  try {
    createSecureContext(options);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
