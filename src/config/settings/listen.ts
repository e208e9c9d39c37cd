import { isRange } from "../../gateway/peer.ts";
import { file } from "./fields.ts";
import { about, choice, flag, group, list, port, text } from "./readers.ts";

const tls = group({
  certFile: about("The certificate chain, PEM.", file),
  keyFile: about("Its private key, PEM.", file),
  clientCaFile: about(
    "Authorities that must have issued the clients' certificates, PEM (mutual TLS). Other clients are refused with certificate_required.",
    file.optional(),
    {
      example: "clients-ca.pem",
      why: "A token that is bound to a certificate (cnf with x5t#S256, RFC 8705) is then accepted only with that certificate.",
    },
  ),
  clientCertificates: about(
    "required: clients must show a certificate issued by clientCaFile; optional: only clients with bound tokens must, and any issuer will do.",
    choice(["required", "optional"]).default("required"),
    {
      why: "The hash in the token identifies the certificate; the connection proves that the client has its key.",
    },
  ),
}).superRefine(({ clientCaFile, clientCertificates }, context) => {
  if (clientCertificates === "required" || clientCaFile !== undefined) return;
  const message = "expected optional only beside clientCaFile";
  context.addIssue({ code: "custom", message, path: ["clientCertificates"] });
});

const addressRange = text("an IP address or a CIDR range").refine(
  isRange,
  'expected an IP address or a CIDR range, such as "10.0.0.0/8"',
);

/** Where clients connect. */
export const listen = about(
  "Where clients connect.",
  group({
    host: about("The address to listen on.", text("an address to listen on").default("0.0.0.0")),
    port: about("The port that clients connect to.", port(8080), {
      why: "Point the Service here, and let nothing else reach the application's port.",
    }),
    tls: about("TLS for clients; most pods leave it to the mesh or the ingress.", tls.optional(), {
      example: { certFile: "tls.crt", keyFile: "tls.key" },
    }),
    http2: about("Whether clients may speak HTTP/2 besides HTTP/1.1.", flag(true), {
      why: "By prior knowledge without TLS, on the same port; by ALPN with TLS. WebSockets stay HTTP/1.1.",
    }),
    trustedProxies: about(
      "Addresses or ranges of proxies in front of revgate. Their X-Forwarded-* and Forwarded headers are trusted and extended; those of any other peer are dropped and set by revgate.",
      list(addressRange, "addresses or ranges").default([]),
    ),
  }).prefault({}),
);

/** Connections that outlive the judgement of their request. */
export const liveConnections = about(
  "WebSocket connections, and responses still being sent. revgate cuts them when their token is revoked.",
  group({
    atExpiry: about(
      "What happens to a live connection when its token expires.",
      choice(["cut", "keep"]).default("cut"),
      { why: "keep is for applications that check later messages themselves." },
    ),
  }).prefault({}),
);
