/** A series of one sidecar: its name, and its labels but for those of the sidecar. */
type Name = string;

/** What makes an alert fire from the 20th minute to the 50th, just so; and what is nearly as bad, and does not. */
export interface Edge {
  readonly alert: string;
  /** Per series: what it is while all is well, and what while it is just bad enough. `+n` is n more each half minute. */
  readonly just: Readonly<Record<Name, readonly [well: string, bad: string]>>;
  /** The same, not quite bad enough, each by itself. */
  readonly nearly?: readonly Edge["just"][];
  /** Minutes that it is pending, which is its `for`; and that it fires then. */
  readonly minutes: readonly [pending: number, firing: number];
  readonly severity: "critical" | "warning";
  /** What it names beside job and namespace; if that is not an instance, both sidecars are as bad. */
  readonly by?: Readonly<Record<string, string>>;
  /** A series of the same sidecar is well, as that of a pod which had its address before. */
  readonly beside?: boolean;
  /** How many minutes it is bad: 30, if not told otherwise. */
  readonly lasting?: number;
}

const critical = "critical" as const;
const warning = "warning" as const;

/** A gauge that is another value for as long as something lasts. */
const gauge = (
  alert: string,
  name: string,
  values: readonly [string, string],
  pending: number,
) => ({
  ...{ alert, just: { [name]: values }, minutes: [pending, 30 - pending] as const, beside: true },
});
/** A counter that counts one thing: it fires at once, for ten minutes. */
const once = (alert: string, name: string) => ({
  ...{ alert, just: { [name]: ["7", "8!"] as const }, minutes: [0, 10] as const },
});
const requests = (outcome: string) => `revgate_requests_total{outcome="${outcome}"}`;
const slow = (name: string, [fast, late]: readonly [string, string], share: number) => ({
  [`revgate_${name}_duration_seconds_bucket{le="${fast}"}`]: ["+100", `+${share}`] as const,
  [`revgate_${name}_duration_seconds_bucket{le="${late}"}`]: ["+100", "+100"] as const,
  [`revgate_${name}_duration_seconds_bucket{le="+Inf"}`]: ["+100", "+100"] as const,
});
const away = (up: string, staleness: string) => ({
  ...{ revgate_redis_up: ["1", up] as const },
  ...{ revgate_redis_staleness_seconds: ["0.05", staleness] as const },
});
const oldKeys = (age: string, failed: string) => ({
  ...{ revgate_jwks_age_seconds: ["300", age] as const },
  ...{ 'revgate_jwks_fetches_total{result="failed"}': ["7", failed] as const },
});
const expiry = "revgate_certificate_expiry_timestamp_seconds";
const twoWeeks = 14 * 86_400;

export const edges: readonly Edge[] = [
  {
    ...gauge("RevgateAbsent", "revgate_build_info", ["1", "stale"], 5),
    ...{ severity: critical, by: {}, beside: false },
  },
  {
    ...{ alert: "RevgateRefusesWithoutStore", severity: critical, minutes: [1, 29] },
    just: away("0", "5.1"),
    // Without Redis at all, with a memory that is good enough, and with a connection that follows nothing yet.
    nearly: [away("0", "0"), away("0", "5"), away("1", "60")],
  },
  {
    ...{ alert: "RevgateRefusesWithoutKeys", severity: critical, by: {}, minutes: [2, 3] },
    ...{ just: { [requests("keys_unavailable")]: ["7", "8!"] } },
    nearly: [{ [requests("denylist_unavailable")]: ["7", "+9"] }],
  },
  {
    ...gauge("RevgateLogoutsPending", "revgate_outbox_pending", ["0", "1"], 2),
    severity: critical,
  },
  {
    ...gauge("RevgateJournalFailing", "revgate_journal_failing", ["0", "1"], 1),
    severity: critical,
  },
  { ...once("RevgateJournalLost", "revgate_journal_losses_total"), severity: critical },
  { ...gauge("RevgateClockInDoubt", "revgate_clock_trusted", ["1", "0"], 1), severity: critical },
  {
    ...once("RevgateSubjectsNotFound", "revgate_subjects_not_found_total"),
    ...{ severity: critical, by: {} },
  },
  {
    ...once("RevgateTokensWithoutSubject", "revgate_tokens_without_subject_total"),
    ...{ severity: warning, by: {} },
  },
  {
    ...once("RevgateSubjectsKept", "revgate_subjects_kept_total"),
    ...{ severity: warning, by: {} },
  },
  {
    ...once("RevgateUnprovenRefused", "revgate_unproven_revocations_refused_total"),
    ...{ severity: warning, by: {} },
  },
  {
    ...once("RevgateSignalsFailed", 'revgate_signals_total{result="failed"}'),
    ...{ severity: critical, by: {} },
    nearly: [{ 'revgate_signals_total{result="revoked"}': ["7", "+9"] }],
  },
  {
    ...{ alert: "RevgateKeySetOld", severity: warning, minutes: [5, 25] },
    just: oldKeys("3601", "8!"),
    nearly: [
      ...[oldKeys("3600", "8!"), oldKeys("9999", "7"), oldKeys("300", "+9")],
      {
        revgate_jwks_age_seconds: ["300", "9999"],
        'revgate_jwks_fetches_total{result="ok"}': ["7", "+9"],
      },
    ],
  },
  // One fetch that failed is two hours ago: the set is old because its refresh is long.
  {
    ...{ alert: "RevgateKeySetOld", severity: warning, minutes: [5, 115], lasting: 200 },
    just: oldKeys("9999", "8!"),
  },
  ...["secret", "event", "too_many", "crowded"].map((reason) => ({
    ...{ alert: "RevgateAdminStrangers", severity: warning, by: { reason } },
    ...{ minutes: [5, 20.5] as const },
    just: { [`revgate_admin_refused_total{reason="${reason}"}`]: ["7", "+16"] as const },
    nearly: [
      { [`revgate_admin_refused_total{reason="${reason}"}`]: ["7", "+14"] as const },
      { 'revgate_admin_refused_total{reason="another"}': ["7", "+99"] as const },
    ],
  })),
  {
    ...once("RevgateUncaughtErrors", 'revgate_uncaught_errors_total{door="admin"}'),
    ...{ severity: warning, by: { door: "admin" } },
  },
  {
    ...gauge("RevgateMemoryUnproven", "revgate_redis_staleness_seconds", ["0.05", "5.1"], 2),
    severity: warning,
    nearly: [{ revgate_redis_staleness_seconds: ["0.05", "5"] }],
  },
  ...["wrongpass", "noauth", "noperm", "tls"].map((cause) => ({
    ...gauge("RevgateRedisRefuses", `revgate_redis_failure{cause="${cause}"}`, ["0", "1"], 2),
    ...{ severity: warning, by: { instance: "a", cause } },
    nearly: [{ 'revgate_redis_failure{cause="unreachable"}': ["0", "1"] as const }],
  })),
  ...["upstream_unreachable", "upstream_timeout", "upstream_busy"].map((outcome) => ({
    ...{ alert: "RevgateApplicationFailing", severity: warning, minutes: [5, 20.5] as const },
    just: {
      [requests(outcome)]: ["+0", "+51"] as const,
      [requests("forwarded")]: ["+949", "+949"] as const,
    },
    nearly: [
      {
        [requests(outcome)]: ["+0", "+49"] as const,
        [requests("forwarded")]: ["+951", "+951"] as const,
      },
      {
        [requests("client_gone")]: ["+0", "+500"] as const,
        [requests("forwarded")]: ["+900", "+900"] as const,
      },
    ],
  })),
  {
    ...{ alert: "RevgateSlowChecks", severity: warning, minutes: [10, 19.5] },
    just: slow("check", ["0.05", "0.1"], 98),
    nearly: [slow("check", ["0.05", "0.1"], 99)],
  },
  {
    ...{ alert: "RevgateSignaturesWait", severity: warning, minutes: [5, 20.5] },
    just: { 'revgate_signature_check_waits_total{result="turn"}': ["7", "+301"] },
    nearly: [{ 'revgate_signature_check_waits_total{result="turn"}': ["7", "+290"] }],
  },
  {
    ...gauge("RevgateObserving", "revgate_observing", ["0", "1"], 360),
    ...{ severity: warning, lasting: 390, minutes: [360, 30] as const },
  },
  {
    ...gauge("RevgateConfigRejected", "revgate_config_last_reload_successful", ["1", "0"], 5),
    severity: warning,
  },
  {
    ...once("RevgateForeignData", 'revgate_ignored_total{source="feed"}'),
    ...{ severity: warning, by: { source: "feed" } },
  },
  {
    ...once("RevgateCutoffsAhead", "revgate_cutoffs_ahead_total"),
    ...{ severity: warning, by: {} },
  },
  { ...once("RevgateLogLinesDropped", "revgate_log_lines_dropped_total"), severity: warning },
  { ...gauge("RevgateDown", "up", ["1", "0"], 5), severity: critical },
  { ...gauge("RevgateNotReady", "revgate_ready", ["1", "0"], 5), severity: critical },
  {
    // Of both sidecars together: neither alone has as many.
    ...{ alert: "RevgateInvalidTokens", severity: warning, by: {}, minutes: [10, 15.5] },
    just: { [requests("token_invalid")]: ["7", "+76"] },
    nearly: [
      { [requests("token_invalid")]: ["7", "+74"] },
      { [requests("token_missing")]: ["7", "+999"] },
    ],
  },
  {
    ...once("RevgateRevokedHandedOut", "revgate_revoked_tokens_handed_out_total"),
    ...{ severity: warning, by: {} },
  },
  {
    // Three within an hour, until the first is an hour ago. Two are no more than two, though Prometheus extrapolates.
    ...{ alert: "RevgateClockSteps", severity: warning, minutes: [0, 41], lasting: 60 },
    just: { revgate_clock_steps_total: ["7", "8x19 9x19 10!"] },
    nearly: [{ revgate_clock_steps_total: ["7", "8x19 9!"] }],
  },
  {
    ...{ alert: "RevgateSlowHolds", severity: warning, minutes: [10, 22.5] },
    just: slow("hold", ["1", "2.5"], 90),
    nearly: [slow("hold", ["1", "2.5"], 98)],
  },
  {
    // Two minutes of waiting all the time; a moment without ends it.
    ...gauge("RevgateApplicationQueue", "revgate_upstream_queue", ["0", "1"], 5),
    ...{ severity: warning, minutes: [5, 23] as const, beside: false },
    nearly: [{ revgate_upstream_queue: ["0", "1x2 0 1x2 0 1x2 0 1x2 0 1x2 0 1x2 0 1x2 0 0!"] }],
  },
  {
    ...{ alert: "RevgateEventLoop", severity: warning, minutes: [5, 22] },
    just: { nodejs_eventloop_lag_p99_seconds: ["0.01", "0.26"] },
    nearly: [{ nodejs_eventloop_lag_p99_seconds: ["0.01", "0.25"] }],
  },
  {
    // A certificate that ends two weeks after the 25th minute, in place of one for months.
    ...{ alert: "RevgateCertificateEnds", severity: warning, minutes: [5, 19.5] },
    just: { [expiry]: ["9999999", `${twoWeeks + 1500}`] },
    nearly: [{ [expiry]: ["9999999", `${twoWeeks + 9000}`] }],
  },
];
