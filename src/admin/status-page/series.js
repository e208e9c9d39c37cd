// What /metrics says, and what two readings of it make.

/** Prometheus' text format as a map: name to [labels, value] each. */
export function parse(text) {
  const series = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_]\w*)(?:\{([^}]*)\})? (\S+)$/.exec(line);
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

/** Every series of a metric, as [labels, value]; only those with these labels, if some are given. */
export function all({ series }, name, labels = {}) {
  const wanted = Object.entries(labels);
  return (series.get(name) ?? []).filter(([has]) =>
    wanted.every(([key, values]) => [values].flat().includes(has[key])),
  );
}

/** The sum of such pairs. */
export function sumOf(pairs) {
  return pairs.reduce((sum, [, number]) => sum + number, 0);
}

/** The sum of a metric's series. */
export function value(reading, name, labels) {
  return sumOf(all(reading, name, labels));
}

/** By how much a counter grew a second between two readings; undefined if there is one reading alone. */
export function rate(now, was, name, labels) {
  if (was === undefined) return undefined;
  const grown = value(now, name, labels) - value(was, name, labels);
  return Math.max(0, grown / ((now.at - was.at) / 1000));
}

const notRefused = new Set([
  ...["forwarded", "preflight_answered", "logout_answered", "allowed"],
  ...["client_gone", "client_stalled", "broken_off", "cut"],
]);

/** How many requests a second were refused; undefined if there is one reading alone. */
export function refusedRate(now, was) {
  if (was === undefined) return undefined;
  const refused = outcomes(now, was).filter(([outcome]) => !notRefused.has(outcome));
  return refused.reduce((sum, [, perSecond]) => sum + perSecond, 0);
}

/** Every outcome of requests: its name, how many a second, and how many in all. */
export function outcomes(now, was) {
  const before = new Map(
    was === undefined
      ? []
      : all(was, "revgate_requests_total").map(([{ outcome }, count]) => [outcome, count]),
  );
  const elapsed = was === undefined ? 1 : (now.at - was.at) / 1000;
  return all(now, "revgate_requests_total").map(([{ outcome }, count]) => [
    outcome,
    Math.max(0, (count - (before.get(outcome) ?? count)) / elapsed),
    count,
  ]);
}

/** A quantile of what a histogram has counted between two readings, as Prometheus estimates it. */
export function quantile(now, was, name, wanted) {
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
