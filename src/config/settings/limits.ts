import { logLevels } from "../../observability/logger.ts";
import { requestLogModes } from "../../observability/request-log.ts";
import { about, choice, duration, group, whole } from "./readers.ts";

/** What is logged. */
export const log = about(
  "JSON lines on standard output. No credential is ever in them.",
  group({
    level: about("The lowest level that is logged.", choice(logLevels).default("info")),
    requests: about("Which requests get a line.", choice(requestLogModes).default("denied")),
    maxRefusalsPerSecond: about(
      "Max lines a second for refused requests of one outcome, and for each warning about a request.",
      whole(50, 1, 1_000_000, "lines"),
      {
        why: "The first of a burst are written; a line says how many were left out. Metrics count all.",
      },
    ),
  }).prefault({}),
);

/** Limits on what clients can make grow or wait. */
export const limits = about(
  "Limits on what clients can make grow or wait.",
  group({
    headerBytes: about(
      "Max size of the head of a request or of a response. A request has at most 255 header lines.",
      whole(16_384, 1024, 1_048_576, "bytes"),
    ),
    tokenBytes: about(
      "Max size of a credential; longer ones are refused without being read.",
      whole(8192, 256, 1_048_576, "bytes"),
    ),
    bodyBytes: about(
      "Max size of a body that revgate reads, on routes whose rules look into it.",
      whole(65_536, 1024, 1_048_576, "bytes"),
      {
        why: "Longer ones are passed on unread. If the token may be in such a body, the request is refused. Other tokens and subjects in it are not found, when counts as met, and success in such an answer is unknown.",
      },
    ),
    signatureCheckShare: about(
      "Max share of one core, in percent, that checks of signatures take; beyond it requests wait their turn.",
      whole(25, 1, 100, "percent"),
      {
        why: "Only tokens that are new here are checked; requests with known ones go first. Clients take turns, by listen.trustedProxies. If 1024 requests wait, one of the client with the most gets 503 checks_busy.",
      },
    ),
    headersTimeout: about(
      "Max time for a client to send the head of a request.",
      duration("10s", "100ms", "5m"),
    ),
    requestTimeout: about(
      "Max time for a client to send a whole request.",
      duration("5m", "100ms", "1d"),
    ),
    receiveTimeout: about(
      "Max time that a client may pause in the middle of the body of its request.",
      duration("60s", "1s", "1h"),
      { why: "The answer is 408 request_timeout, and nothing counts as done." },
    ),
    sendTimeout: about(
      "Max time that a client may read nothing of its response; then its connection is closed.",
      duration("60s", "1s", "1h"),
      {
        why: "Each byte read restarts the time. Meanwhile the client holds a connection to the application. Applies to WebSockets too.",
      },
    ),
    idleTimeout: about(
      "How long a connection without a request is kept.",
      duration("65s", "100ms", "1h"),
      { why: "Make it longer than the load balancer's, so that the balancer closes first." },
    ),
    unprovenRevocations: about(
      "Max revocations an hour caused by requests without a live token; more are answered 503.",
      whole(3600, 1, 10_000_000, "revocations"),
      {
        why: "They revoke opaque tokens, or subjects that the request names: with an application that answers 2xx to any text (as RFC 7009 asks), anyone could fill memory and disk. At 3600, 30 days hold 2.6 million: about 70 MB. Requests that the application refuses do not count, nor do live tokens that revgate has seen handed out in a session. A client network (an IPv4 address, or 64 bits of IPv6) that has used a tenth leaves the last half to others.",
      },
    ),
    unprovenLinks: about(
      "Max opaque tokens an hour that are linked to sessions (session) without an issuer's token beside them; more stay unlinked.",
      whole(10_000, 1, 10_000_000, "tokens"),
      {
        why: "Many applications give any visitor a cookie, and each link is remembered for tokens.maxLifetime: 130 bytes each in every sidecar, 0.9 GB in 30 days at the default. A network that has used a tenth leaves the last half to others. A logout of an unlinked token ends that token alone; revgate_links_unproven_total counts the answers.",
      },
    ),
    maxConnections: about(
      "Max connections of clients; one more takes the place of an idle one, or is turned away.",
      whole(10_000, 1, 1_000_000, "connections"),
      {
        why: "The client network (an IPv4 address, or 64 bits of IPv6) with the most connections loses its oldest idle one. Requests in progress are not ended for others.",
      },
    ),
    streams: about(
      "Max requests in progress on one HTTP/2 connection.",
      whole(100, 1, 10_000, "requests"),
      {
        why: "On all HTTP/2 connections together, at most as many are in progress as maxConnections; more are refused unprocessed, and clients send them again.",
      },
    ),
    drainTimeout: about(
      "How long SIGTERM waits for requests in progress; must be shorter than terminationGracePeriodSeconds.",
      duration("20s", "0s", "1h"),
    ),
  })
    .prefault({})
    .superRefine(({ headersTimeout, requestTimeout }, context) => {
      if (headersTimeout > requestTimeout) {
        const message =
          "expected headersTimeout to be no longer than requestTimeout, of which it is a part";
        context.addIssue({ code: "custom", message, path: ["headersTimeout"] });
      }
    }),
);
