import { upstreamProtocols } from "../../upstream/application-pool.ts";
import { file } from "./fields.ts";
import { about, choice, duration, flag, group, server, text, whole } from "./readers.ts";

/** The application. */
export const upstream = about(
  "The application.",
  group({
    url: about(
      "Its address: http: or https:, host and port; or unix: and the path of its socket.",
      server(["http:", "https:"], "http://127.0.0.1:3000").prefault("http://127.0.0.1:3000"),
      {
        why: "In a pod the application should listen on loopback only, or on a socket in a volume that both containers mount.",
      },
    ),
    protocol: about(
      "How it is spoken to: http1; http2 (without TLS by prior knowledge); grpc: HTTP/2 for gRPC calls, HTTP/1.1 for all else.",
      choice(upstreamProtocols).default("grpc"),
      {
        why: "gRPC calls need HTTP/2 from the client to the application. WebSockets are HTTP/1.1 in any case.",
      },
    ),
    caFile: about(
      "Authorities to trust for https:, PEM, besides those that Node trusts.",
      file.optional(),
      {
        example: "upstream-ca.pem",
        why: "Node trusts its built-in authorities and NODE_EXTRA_CA_CERTS, not those of the system.",
      },
    ),
    serverName: about(
      "For https: the server name to send (SNI) and to expect in the certificate, if it is not the host of the url.",
      text("a host name")
        .regex(/^(?=.*[A-Za-z])[A-Za-z0-9.-]+$/, "expected a host name")
        .optional(),
      { example: "app.internal" },
    ),
    certFile: about(
      "For https: the client certificate of revgate, PEM, with its chain; set keyFile too.",
      file.optional(),
      { example: "revgate-client.crt" },
    ),
    keyFile: about("The private key of that certificate, PEM.", file.optional(), {
      example: "revgate-client.key",
    }),
    addForwarded: about(
      "Adds Forwarded (RFC 7239) to every request, not only if a trusted proxy sent one.",
      flag(false),
      {
        why: "Many frameworks prefer it to X-Forwarded-*, and would take revgate's plain http for the client's scheme.",
      },
    ),
    addVia: about("Names revgate in Via, in requests and responses.", flag(false), {
      why: "RFC 9110 asks proxies for it; some servers stop compressing when they see it.",
    }),
    connectTimeout: about("Max time to connect to it.", duration("2s", "10ms", "5m")),
    responseTimeout: about(
      "Max time from sending the request to the head of the response.",
      duration("60s", "10ms", "1h"),
    ),
    idleTimeout: about(
      "Max time between two parts of the body of a response.",
      duration("60s", "10ms", "1d"),
      {
        why: "If it is exceeded, the response is cut off. Does not apply on routes with stream: true, nor while the client does not read.",
      },
    ),
    maxConnections: about(
      "Max connections to it; requests beyond that wait for one.",
      whole(512, 1, 65_535, "connections"),
    ),
    maxQueued: about(
      "Max requests that wait for a connection; more are answered 503 upstream_busy.",
      whole(10_000, 0, 1_000_000, "requests"),
      { why: "Each waiting request takes a few kilobytes." },
    ),
    queueTimeout: about(
      "Max time that a request waits for a connection; then it is answered 503 upstream_busy.",
      duration("10s", "10ms", "5m"),
    ),
  })
    .prefault({})
    .superRefine(({ url, caFile, serverName, certFile, keyFile }, context) => {
      const problem = (setting: string, message: string) => {
        context.addIssue({ code: "custom", message, path: [setting] });
      };
      if (certFile !== undefined && keyFile === undefined) {
        problem("certFile", "expected keyFile beside it");
      } else if (certFile === undefined && keyFile !== undefined) {
        problem("keyFile", "expected certFile beside it");
      }
      if (url.protocol === "https:") return;
      for (const [setting, value] of Object.entries({ caFile, serverName, certFile, keyFile })) {
        if (value !== undefined) problem(setting, "expected only beside a url with https://");
      }
    }),
);
