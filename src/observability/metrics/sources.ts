import type { Makers } from "./makers.ts";

/** What is read when Prometheus asks. */
export interface MetricSources {
  /** Whether requests should be sent here. */
  ready(): boolean;
  /** When the certificate ends that ends first, in seconds since 1970; +Inf without any. */
  certificateExpiry(): number;
  denylistEntries(): number;
  journalBytes(): number;
  connections(): number;
  http2Connections(): number;
  http2Streams(): number;
  liveConnections(): number;
  clockDifference(): number;
  redisStaleness(): number;
  jwksAge(): number;
  upstreamConnections(): number;
  upstreamQueued(): number;
}

/** Says where the values come from that are read on demand. */
export function observeSources({ reading: read }: Makers, sources: MetricSources): void {
  observeState({ reading: read }, sources);
  read(
    "revgate_clock_difference_seconds",
    "By how much the clocks differ: the wall clock, the monotonic clock, and Redis's if it answers.",
    sources.clockDifference,
  );
  read("revgate_denylist_entries", "Revocations held in memory.", sources.denylistEntries);
  read("revgate_journal_size_bytes", "Size of the journal.", sources.journalBytes);
  read(
    "revgate_redis_staleness_seconds",
    "Age of the last proof that memory holds everything Redis does. Below staleness, no request waits for Redis; without requests it goes up to half a second. +Inf before the first proof, 0 without Redis.",
    sources.redisStaleness,
  );
  read(
    "revgate_jwks_age_seconds",
    "Seconds since the oldest key set in use was fetched, or since the start if it never was; 0 without key sets. Beyond tokens.jwks.maxAge its keys are dropped, and its issuer's tokens or events get 503.",
    sources.jwksAge,
  );
  observeConnections({ reading: read }, sources);
}

/** What is open, and what waits. */
function observeConnections(
  { reading: read }: Pick<Makers, "reading">,
  sources: MetricSources,
): void {
  read(
    "revgate_connections",
    "Connections of clients, upgraded ones included.",
    sources.connections,
  );
  read(
    "revgate_http2_connections",
    "Connections of clients that speak HTTP/2.",
    sources.http2Connections,
  );
  read(
    "revgate_http2_streams",
    "Requests in progress on connections of HTTP/2; limits.maxConnections bounds them.",
    sources.http2Streams,
  );
  read(
    "revgate_upstream_connections",
    "Connections to the application, without those of WebSockets.",
    sources.upstreamConnections,
  );
  read(
    "revgate_upstream_queue",
    "Requests waiting for a connection to the application.",
    sources.upstreamQueued,
  );
  read(
    "revgate_live_connections",
    "WebSocket connections and streaming responses that end if their token does.",
    sources.liveConnections,
  );
}

/** What an operator asks first. */
function observeState({ reading: read }: Pick<Makers, "reading">, sources: MetricSources): void {
  read("revgate_ready", "1 if /readyz answers 200, else 0.", () => (sources.ready() ? 1 : 0));
  read(
    "revgate_certificate_expiry_timestamp_seconds",
    "When the first of listen.tls.certFile and upstream.clientCertificate expires; +Inf without either.",
    sources.certificateExpiry,
  );
}
