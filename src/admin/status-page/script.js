// The status page: reads /readyz, /metrics and /latest every two seconds, and shows what they say.
// Nothing is loaded from anywhere else, and nothing is stored.

const everyMs = 2000;
const most = 60;
const find = (id) => document.getElementById(id);

/** The figures: what each is called, how it comes from two readings, and how it is written. */
const figures = [
  {
    name: "Requests a second",
    read: (now, was) => rate(now, was, "revgate_requests_total"),
    write: perSecond,
  },
  { name: "Refused a second", read: (now, was) => sumOf(refusals(now, was)), write: perSecond },
  {
    name: "Added latency, p50",
    read: (now, was) => quantile(now, was, "revgate_check_duration_seconds", 0.5),
    write: seconds,
  },
  {
    name: "Added latency, p99",
    read: (now, was) => quantile(now, was, "revgate_check_duration_seconds", 0.99),
    write: seconds,
  },
  {
    name: "Application, p50",
    read: (now, was) => quantile(now, was, "revgate_upstream_duration_seconds", 0.5),
    write: seconds,
  },
  {
    name: "Application, p99",
    read: (now, was) => quantile(now, was, "revgate_upstream_duration_seconds", 0.99),
    write: seconds,
  },
  {
    name: "Age of memory (Redis)",
    read: (now) => value(now, "revgate_redis_staleness_seconds"),
    write: seconds,
  },
  { name: "Not in Redis yet", read: (now) => value(now, "revgate_outbox_pending"), write: whole },
  {
    name: "Revocations in memory",
    read: (now) => value(now, "revgate_denylist_entries"),
    write: whole,
  },
  { name: "Connections", read: (now) => value(now, "revgate_connections"), write: whole },
  { name: "Live connections", read: (now) => value(now, "revgate_live_connections"), write: whole },
  { name: "Journal", read: (now) => value(now, "revgate_journal_size_bytes"), write: bytes },
];

const passing = new Set(["forwarded", "preflight_answered", "logout_answered", "allowed"]);
const histories = figures.map(() => []);
let last;

// ---- reading ----

/** Prometheus' text format as a map: name to [labels, value] each. */
function parse(text) {
  const series = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name, labels = "", number] = match;
    const named = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]),
    );
    if (!series.has(name)) series.set(name, []);
    series.get(name).push([named, number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number)]);
  }
  return { at: performance.now(), series };
}

const all = ({ series }, name) => series.get(name) ?? [];
const sumOf = (pairs) => pairs.reduce((sum, [, number]) => sum + number, 0);
const value = (reading, name) => sumOf(all(reading, name));

function rate(now, was, name) {
  if (was === undefined) return undefined;
  return Math.max(0, (value(now, name) - value(was, name)) / ((now.at - was.at) / 1000));
}

/** Outcomes that are refusals: how many a second, and how many in all. */
function refusals(now, was) {
  const before = new Map(
    was === undefined
      ? []
      : all(was, "revgate_requests_total").map(([{ outcome }, count]) => [outcome, count]),
  );
  const elapsed = was === undefined ? 1 : (now.at - was.at) / 1000;
  return all(now, "revgate_requests_total")
    .filter(([{ outcome }]) => !passing.has(outcome))
    .map(([{ outcome }, count]) => [
      outcome,
      Math.max(0, (count - (before.get(outcome) ?? count)) / elapsed),
      count,
    ]);
}

/** A quantile of what a histogram has counted between two readings, as Prometheus estimates it. */
function quantile(now, was, name, wanted) {
  if (was === undefined) return undefined;
  const before = new Map(all(was, `${name}_bucket`).map(([{ le }, count]) => [le, count]));
  const buckets = all(now, `${name}_bucket`).map(([{ le }, count]) => [
    le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le),
    count - (before.get(le) ?? 0),
  ]);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const at = buckets.findIndex(([, count]) => count >= wanted * total);
  const [upper, count] = buckets[at];
  const [lower, below] = at === 0 ? [0, 0] : buckets[at - 1];
  return upper === Number.POSITIVE_INFINITY
    ? lower
    : lower + ((upper - lower) * (wanted * total - below)) / (count - below);
}

// ---- writing ----

function perSecond(number) {
  return number >= 100 ? Math.round(number).toLocaleString("en") : number.toFixed(1);
}

function whole(number) {
  return Math.round(number).toLocaleString("en");
}

function seconds(number) {
  if (number === Number.POSITIVE_INFINITY) return "never read";
  if (number === 0) return "–";
  if (number >= 1) return `${number.toFixed(1)} s`;
  return number >= 1e-3 ? `${(number * 1e3).toFixed(1)} ms` : `${Math.round(number * 1e6)} µs`;
}

function bytes(number) {
  const units = ["B", "KB", "MB", "GB"];
  const power = Math.min(3, Math.floor(Math.log10(Math.max(number, 1)) / 3));
  return `${(number / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** In UTC, as logs have it: the time of day, or the day and the time without seconds. */
function timeOfDay(epochSeconds) {
  return new Date(epochSeconds * 1000).toISOString().slice(11, 19);
}

function day(epochSeconds) {
  return new Date(epochSeconds * 1000).toISOString().slice(5, 16).replace("T", " ");
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className !== undefined) made.className = className;
  return made;
}

function drawn(history) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${most - 1} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const top = Math.max(...history.filter(Number.isFinite), 1e-9);
  const points = history.flatMap((number, index) =>
    Number.isFinite(number) ? [`${most - history.length + index},${19 - (18 * number) / top}`] : [],
  );
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.join(" "));
  svg.append(line);
  return svg;
}

function showFigures(now) {
  const shown = figures.map(({ name, read, write }, index) => {
    const number = read(now, last);
    const history = histories[index];
    history.push(number);
    if (history.length > most) history.shift();
    const figure = element("div", undefined, "figure");
    figure.append(
      element("p", name, "name"),
      element("p", number === undefined ? "–" : write(number), "value"),
      drawn(history),
    );
    return figure;
  });
  find("figures").replaceChildren(...shown);
}

function row(...cells) {
  const made = element("tr");
  made.append(...cells);
  return made;
}

function showRefusals(now) {
  const rows = refusals(now, last)
    .filter(([, , count]) => count > 0)
    .sort(([, , one], [, , other]) => other - one)
    .map(([outcome, perSec, count]) =>
      row(
        element("td", outcome),
        element("td", perSecond(perSec), "number"),
        element("td", whole(count), "number"),
      ),
    );
  find("refusals").tBodies[0].replaceChildren(...rows);
}

function showLatest(latest) {
  const rows = latest.map(({ at, kind, id, expiresAt }) =>
    row(
      element("td", timeOfDay(at)),
      element("td", kind),
      // Names are told to the secret alone.
      ...(id === undefined ? [] : [element("td", `${id}…`, "id"), element("td", day(expiresAt))]),
    ),
  );
  find("latest").tBodies[0].replaceChildren(...rows);
}

const needsSecret = document.body.classList.contains("with-api");
/** The secret as it was typed to its end, and whether it was wrong. */
let typed = "";
let isWrong = false;
/** Why the latest revocations could not be read; undefined if they could. */
let latestTrouble;

function bearer(secret) {
  return { authorization: `Bearer ${secret}` };
}

const wrongSecret = "The admin secret is not right.";
const limited = "Too many wrong secrets came from this address";

/** The latest revocations; none as long as the secret that they need is missing or wrong. */
async function readLatest() {
  if (needsSecret && (typed === "" || isWrong)) return [];
  const reply = await fetch("latest", needsSecret ? { headers: bearer(typed) } : {});
  isWrong = reply.status === 401;
  latestTrouble = isWrong ? wrongSecret : troubleOf(reply);
  return reply.ok ? reply.json() : [];
}

/** What stands in the way, if an answer says no; whatever it is, the next reading tries again. */
function troubleOf({ ok, status }) {
  if (ok) return undefined;
  return status === 429 ? `${limited}; trying again.` : `They cannot be read (${status}).`;
}

function explainLatest() {
  const missing = needsSecret && typed === "" ? "Type the admin secret to see them." : undefined;
  setText(find("latest-empty"), missing ?? latestTrouble ?? "None since it was started.");
}

function showHealth({ status, reason, config }) {
  const health = find("health");
  const ready = status === "ready";
  health.className = ready ? "ready" : "not-ready";
  health.querySelector(".mark").textContent = ready ? "●" : "▲";
  setText(health.querySelector(".text"), ready ? "ready" : `not ready: ${reason ?? "no answer"}`);
  find("config").hidden = config === undefined;
  setText(find("config"), config === undefined ? "" : `Configuration: ${config}`);
}

/** A text that stays the same is not read out again. */
function setText(shown, text) {
  if (shown.textContent !== text) shown.textContent = text;
}

async function refresh() {
  if (document.hidden) return;
  try {
    const [metrics, readiness, latest] = await Promise.all([
      fetch("metrics").then((reply) => reply.text()),
      fetch("readyz").then((reply) => reply.json()),
      readLatest(),
    ]);
    const now = parse(metrics);
    const [[{ version, node }] = [{}]] = all(now, "revgate_build_info");
    setText(find("version"), `${version}, Node ${node}`);
    showHealth(readiness);
    showLatest(latest);
    explainLatest();
    // Too short a time would make rates of single requests.
    if (last !== undefined && now.at - last.at < everyMs / 2) return;
    showFigures(now);
    showRefusals(now);
    last = now;
  } catch {
    showHealth({ status: "gone" });
  }
}

// ---- sessions ----

async function post(path, body) {
  const headers = {
    ...bearer(find("secret").value),
    "content-type":
      typeof body === "string" ? "application/json" : "application/x-www-form-urlencoded",
  };
  const reply = await fetch(path, { method: "POST", headers, body });
  const text = await reply.text();
  const answer = text === "" ? {} : JSON.parse(text);
  if (reply.ok) return answer;
  if (reply.status === 401) throw new Error(wrongSecret);
  if (reply.status === 429)
    throw new Error("Too many requests; nothing was done. Try again in a second.");
  throw new Error(
    `${answer.error ?? reply.status}: ${answer.error_description ?? "no reason given"}`,
  );
}

function say(text, className = "") {
  const outcome = find("outcome");
  outcome.hidden = false;
  outcome.className = className;
  outcome.textContent = text;
}

const marks = { passed: "✓", failed: "✗", skipped: "–" };

function showExplanation({ passes, checks, header, payload }) {
  say(
    passes ? "✓ It would be let through." : "✗ It would be refused.",
    passes ? "passed" : "failed",
  );
  find("checks").replaceChildren(
    ...checks.map(({ check, verdict, detail }) => {
      const item = element("li", undefined, verdict);
      const mark = element("span", marks[verdict], "mark");
      mark.setAttribute("aria-label", verdict);
      mark.setAttribute("role", "img");
      item.append(mark, element("span", check, "name"), element("span", detail));
      return item;
    }),
  );
  find("token-header").textContent =
    header === undefined ? "" : JSON.stringify(header, undefined, 2);
  find("token-payload").textContent =
    payload === undefined ? "" : JSON.stringify(payload, undefined, 2);
  find("explanation").hidden = false;
}

/** What a form does when it is sent; what goes wrong is said. */
function onSubmit(id, work) {
  find(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await work(event.submitter?.value);
      await refresh();
    } catch (error) {
      say(error.message, "failed");
    }
  });
}

find("secret").addEventListener("change", () => {
  typed = find("secret").value;
  isWrong = false;
  refresh();
});
onSubmit("secret-form", async () => find("token").focus());
onSubmit("token-form", async (action) => {
  const form = new URLSearchParams({
    token: find("token")
      .value.trim()
      .replace(/^bearer\s+/i, ""),
  });
  if (action === "revoke") await post("revoke", form);
  showExplanation(await post("explain", form));
});
onSubmit("subject-form", async () => {
  const issuer = find("issuer").value;
  const subject = find("subject").value;
  find("explanation").hidden = true;
  const body = JSON.stringify({ subject, ...(issuer !== "" && { issuer }) });
  const { warning } = await post("revocations", body);
  if (warning !== undefined) return say(`Recorded, but ${warning}.`, "failed");
  say(`✓ Every token of ${subject} that was issued until now is refused.`, "passed");
});

refresh();
setInterval(refresh, everyMs);
document.addEventListener("visibilitychange", refresh);
