// Reads /readyz, /metrics, /overview and /latest every two seconds, and shows what they say. Nothing is
// loaded from anywhere else, and nothing is stored.
import { readLatest } from "./access.js";
import { find, setText } from "./elements.js";
import { showFigures, showTimeline } from "./figures.js";
import { showFleet, showLatest, showOutcomes } from "./lists.js";
import { all, parse, value } from "./series.js";
import { listenToForms } from "./sessions.js";
import { findTroubles, showTroubles } from "./troubles.js";
import { seconds, timeOfDay } from "./units.js";

const everyMs = 2000;
let last;
let answeredAt;

/** What memory is proved to hold, in a sentence. */
export function proofOf(now, fleet) {
  if (fleet === undefined)
    return "Without Redis: the journal of this sidecar has every revocation.";
  const age = value(now, "revgate_redis_staleness_seconds");
  const limit = fleet.stalenessLimitSeconds;
  if (age === Number.POSITIVE_INFINITY)
    return "Memory has not been proved complete yet: requests ask Redis.";
  return age <= limit
    ? `Memory has every revocation that Redis had ${seconds(age)} ago (limit ${seconds(limit)}).`
    : `Memory was last proved complete ${seconds(age)} ago (limit ${seconds(limit)}): requests ask Redis.`;
}

/** The first thing to know: whether requests are protected. */
export function showVerdict(isGood, text, detail) {
  const health = find("health");
  health.className = isGood ? "ready" : "not-ready";
  health.querySelector(".mark").textContent = isGood ? "●" : "▲";
  setText(health.querySelector(".text"), text);
  setText(find("proof"), detail);
}

function showState(now, { status }, fleet) {
  const proof = proofOf(now, fleet);
  if (status !== "ready") showVerdict(false, "Not ready", proof);
  else if (value(now, "revgate_observing") === 1) showVerdict(false, "Observing only", proof);
  else showVerdict(true, "Protecting", proof);
}

function showSilence() {
  const since =
    answeredAt === undefined ? "" : ` since ${timeOfDay(answeredAt)} UTC; what is below is old`;
  showVerdict(false, "No answer", `The sidecar has not answered this page${since}.`);
  showTroubles([["RevgateDown", "The admin port does not answer."]]);
}

async function read() {
  const json = (path) => fetch(path).then((reply) => reply.json());
  const [metrics, readiness, overview, latest] = await Promise.all([
    fetch("metrics").then((reply) => reply.text()),
    json("readyz"),
    json("overview"),
    readLatest(),
  ]);
  return { now: parse(metrics), readiness, overview, latest };
}

/** Reads once and shows it; a page that is not seen asks for nothing. */
export async function refresh() {
  if (document.hidden) return;
  let found;
  try {
    found = await read();
  } catch {
    showSilence();
    return;
  }
  const { now, readiness, overview, latest } = found;
  answeredAt = Date.now() / 1000;
  const [[{ version, node }] = [{}]] = all(now, "revgate_build_info");
  setText(find("version"), `${version}, Node ${node}`);
  showState(now, readiness, overview.fleet);
  showLatest(latest);
  showFleet(overview.fleet, value(now, "revgate_redis_up") === 1);
  showTimeline(overview.timeline);
  // Too short a time would make rates of single requests.
  if (last !== undefined && now.at - last.at < everyMs / 2) return;
  showTroubles(findTroubles(now, last, readiness));
  showFigures(now, last, overview.fleet);
  showOutcomes(now, last);
  last = now;
}

listenToForms(refresh);
refresh();
setInterval(refresh, everyMs);
document.addEventListener("visibilitychange", refresh);
