// What is wrong, by the same series and limits as the alerts; each with its section of the runbook.
import { element, find } from "./elements.js";
import { all, quantile, rate, value } from "./series.js";
import { perSecond, seconds, whole } from "./units.js";

const isUnproven = (now) => value(now, "revgate_redis_staleness_seconds") > 5;
const plural = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

/** Says something if a metric is not zero. */
const ifAny = (name, say, labels) => (now) => {
  const number = value(now, name, labels);
  return number > 0 ? say(number) : undefined;
};

/** Says something if a counter grew between the last readings by more than so many a second. */
const ifGrows = (name, labels, limit, say) => (now, was) => {
  const grows = rate(now, was, name, labels);
  return grows > limit ? say(grows) : undefined;
};

/** Says something if a quantile of the last readings is beyond a limit, in seconds. */
const ifSlow = (name, limit, say) => (now, was) => {
  const time = quantile(now, was, name, 0.99);
  return time > limit ? say(seconds(time)) : undefined;
};

const requests = "revgate_requests_total";
const upstreamFailures = ["upstream_unreachable", "upstream_timeout", "upstream_busy"];
const sinceStart = "since the start";

/** [section of the runbook, what says that it is so], the gravest first. */
export const troubles = [
  [
    "RevgateObserving",
    ifAny("revgate_observing", () => "This is revgate observe: no request is refused."),
  ],
  [
    "RevgateLogoutsPending",
    ifAny(
      "revgate_outbox_pending",
      (count) => `Redis has not acknowledged ${plural(count, "revocation")} of this sidecar.`,
    ),
  ],
  [
    "RevgateJournalFailing",
    ifAny("revgate_journal_failing", () => "The journal cannot be written."),
  ],
  [
    "RevgateJournalLost",
    ifAny(
      "revgate_journal_losses_total",
      (count) =>
        `Another process removed or changed the journal ${plural(count, "time")} ${sinceStart}.`,
    ),
  ],
  [
    "RevgateClockInDoubt",
    (now) =>
      value(now, "revgate_clock_trusted") === 0 && all(now, "revgate_clock_trusted").length > 0
        ? `The clocks disagree by ${seconds(value(now, "revgate_clock_difference_seconds"))}.`
        : undefined,
  ],
  [
    "RevgateRedisRefuses",
    (now) => {
      const causes = all(now, "revgate_redis_failure", {
        cause: ["wrongpass", "noauth", "noperm", "tls"],
      }).filter(([, is]) => is === 1);
      return causes.length > 0
        ? `Redis refuses this sidecar: ${causes.map(([{ cause }]) => cause).join(", ")}.`
        : undefined;
    },
  ],
  [
    "RevgateRefusesWithoutStore",
    (now) =>
      isUnproven(now) && value(now, "revgate_redis_up") === 0
        ? "There is no connection to Redis: requests that must ask it get 503."
        : undefined,
  ],
  [
    "RevgateMemoryUnproven",
    (now) => {
      const age = value(now, "revgate_redis_staleness_seconds");
      if (!isUnproven(now) || value(now, "revgate_redis_up") === 0) return undefined;
      return age === Number.POSITIVE_INFINITY
        ? "Memory has not been proved to hold what Redis holds."
        : `Memory was last proved to hold what Redis holds ${seconds(age)} ago.`;
    },
  ],
  [
    "RevgateRefusesWithoutKeys",
    ifGrows(
      requests,
      { outcome: "keys_unavailable" },
      0,
      (grows) => `${perSecond(grows)} requests per second get 503: their keys cannot be fetched.`,
    ),
  ],
  [
    "RevgateApplicationFailing",
    ifGrows(
      requests,
      { outcome: upstreamFailures },
      0,
      (grows) => `The application fails ${perSecond(grows)} requests per second.`,
    ),
  ],
  [
    "RevgateApplicationQueue",
    ifAny(
      "revgate_upstream_queue",
      (count) =>
        `${plural(count, "request waits", "requests wait")} for a connection to the application.`,
    ),
  ],
  [
    "RevgateSubjectsNotFound",
    ifAny(
      "revgate_subjects_not_found_total",
      (count) =>
        `${plural(count, "success", "successes")} named no subject ${sinceStart}: no token ended.`,
    ),
  ],
  [
    "RevgateSubjectsKept",
    ifAny(
      "revgate_subjects_kept_total",
      (count) => `${plural(count, "reset")} had an unknown outcome ${sinceStart}: tokens live on.`,
    ),
  ],
  [
    "RevgateTokensWithoutSubject",
    ifAny(
      "revgate_tokens_without_subject_total",
      (count) => `${plural(count, "request")} carried a token without a subject ${sinceStart}.`,
    ),
  ],
  [
    "RevgateUnprovenRefused",
    ifGrows(
      "revgate_unproven_revocations_refused_total",
      {},
      0,
      () => "Logouts without a live token are refused: limits.unprovenRevocations is used up.",
    ),
  ],
  [
    "RevgateSignalsFailed",
    ifAny(
      "revgate_signals_total",
      (count) =>
        `${plural(count, "event")} of an identity provider could not be carried out ${sinceStart}.`,
      { result: "failed" },
    ),
  ],
  [
    "RevgateUncaughtErrors",
    ifAny(
      "revgate_uncaught_errors_total",
      (count) => `${plural(count, "unexpected error")} ${sinceStart}: a bug in revgate.`,
    ),
  ],
  [
    "RevgateSlowChecks",
    ifSlow(
      "revgate_check_duration_seconds",
      0.05,
      (time) => `1 request in 100 waits ${time} before it is forwarded.`,
    ),
  ],
  [
    "RevgateSlowHolds",
    ifSlow("revgate_hold_duration_seconds", 2, (time) => `1 logout in 100 takes ${time}.`),
  ],
  [
    "RevgateSignaturesWait",
    ifGrows(
      "revgate_signature_check_waits_total",
      {},
      10,
      (grows) => `${perSecond(grows)} new tokens per second wait for a signature check.`,
    ),
  ],
  [
    "RevgateInvalidTokens",
    ifGrows(
      requests,
      { outcome: "token_invalid" },
      5,
      (grows) => `${perSecond(grows)} requests per second carry an invalid token.`,
    ),
  ],
  [
    "RevgateRevokedHandedOut",
    ifAny(
      "revgate_revoked_tokens_handed_out_total",
      (count) => `The application handed out ${plural(count, "revoked token")} ${sinceStart}.`,
    ),
  ],
  [
    "RevgateAdminStrangers",
    ifGrows(
      "revgate_admin_refused_total",
      { reason: ["secret", "event", "too_many", "crowded"] },
      1,
      (grows) => `The admin port refuses ${perSecond(grows)} requests per second.`,
    ),
  ],
  [
    "RevgateForeignData",
    ifAny(
      "revgate_ignored_total",
      (count) => `Ignored ${sinceStart}: ${plural(count, "item")} that revgate did not write.`,
    ),
  ],
  [
    "RevgateCutoffsAhead",
    ifAny(
      "revgate_cutoffs_ahead_total",
      (count) =>
        `${plural(count, "cut-off")} of the future came from Redis ${sinceStart}: subjects are locked out.`,
    ),
  ],
  [
    "RevgateLogLinesDropped",
    ifAny(
      "revgate_log_lines_dropped_total",
      (count) => `${plural(count, "log line")} dropped ${sinceStart}.`,
    ),
  ],
  [
    "RevgateClockSteps",
    (now) => {
      const steps = value(now, "revgate_clock_steps_total");
      return steps > 2 ? `The clock jumped ${whole(steps)} times ${sinceStart}.` : undefined;
    },
  ],
  [
    "RevgateEventLoop",
    (now, was) => {
      // In two readings: what the start took is in the first one.
      const lags = [was, now].map(
        (each) => each && value(each, "nodejs_eventloop_lag_p99_seconds"),
      );
      return lags.every((lag) => lag > 0.25)
        ? `The process lacks CPU: its event loop lags ${seconds(lags[1])}.`
        : undefined;
    },
  ],
  [
    "RevgateCertificateEnds",
    (now) => {
      const [[, expiry] = [{}, Number.POSITIVE_INFINITY]] = all(
        now,
        "revgate_certificate_expiry_timestamp_seconds",
      );
      const left = expiry - Date.now() / 1000;
      const days = Math.max(0, Math.floor(left / 86_400));
      return left < 14 * 86_400 ? `A certificate expires in ${plural(days, "day")}.` : undefined;
    },
  ],
];

/** What the last two readings and /readyz say is wrong: [section of the runbook, sentence]. */
export function findTroubles(now, was, { status, reason, config }) {
  const said = [];
  if (status === "not_ready") said.push(["RevgateNotReady", reason]);
  if (status === "ready" && reason !== undefined) {
    const section = /\bkeys?\b/.test(reason) ? "RevgateKeySetOld" : "RevgateMemoryUnproven";
    said.push([section, `Ready, but: ${reason}`]);
  }
  if (config !== undefined) said.push(["RevgateConfigRejected", `Configuration: ${config}`]);
  for (const [section, says] of troubles) {
    const text = says(now, was);
    if (text !== undefined) said.push([section, text]);
  }
  return said;
}

let shown = "";

/** Lists them; what stays the same is left as it is, so that it is not read out again. */
export function showTroubles(found) {
  const key = JSON.stringify(found);
  if (key === shown) return;
  shown = key;
  find("troubles").replaceChildren(
    ...found.map(([section, text]) => {
      const item = element("li");
      const link = element("a", section);
      link.setAttribute("href", `runbook#${section.toLowerCase()}`);
      item.append(element("span", text, "text"), " ", link);
      return item;
    }),
  );
}
