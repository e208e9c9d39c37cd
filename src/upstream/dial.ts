import { connect, isIP, type OnReadOpts, type Socket, type TcpSocketConnectOpts } from "node:net";
import { connect as connectSecurely, createSecureContext } from "node:tls";
import { trustedBesides } from "../platform/trusted-certificates.ts";

/** How the application is reached. */
export interface ApplicationAddress {
  /** `http:` or `https:`, host and port; or `unix:` and the path of a socket. */
  readonly url: URL;
  /** PEM certificates of authorities that are trusted for `https:` besides those that Node trusts. */
  readonly ca: Buffer | undefined;
  /** The name to ask for and to find in the certificate, if it is not that of the URL. */
  readonly serverName: string | undefined;
  /** What revgate shows if it is asked for a certificate, PEM. */
  readonly clientCertificate: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/**
 * Begins to connect; `onReady` is called when bytes can be sent, over TLS once the certificate was checked.
 * `onread`: the buffer to read into, without TLS.
 */
export type Dial = (onReady: () => void, onread?: (socket: () => Socket) => OnReadOpts) => Socket;

/** Makes what opens connections to the application; `protocol`: what is asked for over TLS. Throws if its certificates can't be used. */
export function createDial(address: ApplicationAddress, protocol?: "h2"): Dial {
  return address.url.protocol === "https:"
    ? createTlsDial(address, protocol)
    : createPlainDial(address.url);
}

function createPlainDial(url: URL): Dial {
  const place = isUnix(url)
    ? { path: decodeURIComponent(url.pathname) }
    : { ...tcpAddress(url, 80), noDelay: true };
  return (onReady, onread) => {
    const reading = onread && { onread: onread(() => socket) };
    const socket: Socket = connect({ ...place, ...reading }, onReady);
    return socket;
  };
}

function createTlsDial(
  { url, ca, serverName, clientCertificate }: ApplicationAddress,
  protocol: "h2" | undefined,
): Dial {
  const address = {
    ...tcpAddress(url, 443),
    servername: serverName ?? tlsServername(url),
    ...(protocol === undefined ? {} : { ALPNProtocols: [protocol] }),
    // Once: to read the authorities takes tens of milliseconds.
    secureContext: createSecureContext({
      ...(ca === undefined ? {} : { ca: trustedBesides(ca) }),
      ...clientCertificate,
    }),
  };
  // The last one spares the next connection a part of the handshake (RFC 8446 section 2.2).
  let session: Buffer | undefined;
  return (onReady) => {
    const resumed = session === undefined ? {} : { session };
    const socket = connectSecurely({ ...address, ...resumed }, onReady);
    socket.setNoDelay(true);
    return socket.on("session", (offered) => {
      session = offered;
    });
  };
}

/** The application's own `Host`; a socket has none. */
export function hostOf(url: URL): string {
  return isUnix(url) ? "localhost" : url.host;
}

function isUnix({ protocol }: URL): boolean {
  return protocol === "unix:";
}

function tcpAddress({ hostname, port }: URL, defaultPort: number): TcpSocketConnectOpts {
  return {
    host: withoutBrackets(hostname),
    port: port === "" ? defaultPort : Number(port),
    keepAlive: true,
  };
}

/** The name to ask for and to check in a certificate; empty for an address (RFC 6066 section 3). */
function tlsServername({ hostname }: URL): string {
  return isIP(withoutBrackets(hostname)) === 0 ? hostname : "";
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}
