// The figures and plots of what happens now.
import { element, find } from "./elements.js";
import { barPlot, decades, linear, linePlot, windowMs } from "./plots.js";
import { quantile, rate, refusedRate, value } from "./series.js";
import { bytes, perSecond, seconds, short, whole } from "./units.js";

const rateOf = (name, labels) => (now, was) => rate(now, was, name, labels);
const timeOf = (name, wanted) => (now, was) => quantile(now, was, name, wanted);
const [check, upstream] = ["revgate_check_duration_seconds", "revgate_upstream_duration_seconds"];

/** What is drawn over the last two minutes: how its lines come from two readings, and its scale. */
const plotted = [
  {
    ...{ title: "Requests", unit: "per second", write: perSecond, tick: short },
    lines: [
      ["all", rateOf("revgate_requests_total")],
      ["refused", refusedRate],
    ],
    scale: (numbers) => linear(numbers, 1),
  },
  {
    ...{ title: "Latency", unit: "log scale", write: seconds },
    lines: [
      ["added, p50", timeOf(check, 0.5)],
      ["added, p99", timeOf(check, 0.99)],
      ["application, p50", timeOf(upstream, 0.5)],
      ["application, p99", timeOf(upstream, 0.99)],
    ],
    scale: (numbers) => decades(numbers, { lowest: -5, least: -2 }),
  },
  {
    ...{ title: "Proof of memory", unit: "age", write: seconds },
    lines: [["age", (now) => value(now, "revgate_redis_staleness_seconds")]],
    scale: (numbers) => linear(numbers.filter(Number.isFinite), 0.001),
    onlyWithRedis: true,
  },
];

/** Numbers without a plot. */
const stated = [
  ["Revocations in memory", (now) => whole(value(now, "revgate_denylist_entries"))],
  ["Not in Redis yet", (now) => whole(value(now, "revgate_outbox_pending"))],
  ["Connections", (now) => whole(value(now, "revgate_connections"))],
  ["WebSockets and streams", (now) => whole(value(now, "revgate_live_connections"))],
  ["Answers being held", (now) => whole(value(now, "revgate_holds"))],
  ["Journal", (now) => bytes(value(now, "revgate_journal_size_bytes"))],
];

/** What was read within the last two minutes: when, and a number for each line of each plot. */
export const histories = plotted.map(() => []);

/** Takes a reading in, and shows it with those before it. `fleet`: undefined without Redis. */
export function showFigures(now, was, fleet) {
  const shown = plotted.flatMap(({ lines, scale, onlyWithRedis, ...texts }, index) => {
    const history = histories[index];
    history.push({ at: now.at, numbers: lines.map(([, read]) => read(now, was)) });
    while (history[0].at < now.at - windowMs) history.shift();
    if (onlyWithRedis && fleet === undefined) return [];
    const limit = onlyWithRedis ? fleet.stalenessLimitSeconds : 0;
    const numbers = [limit, ...history.flatMap(({ numbers }) => numbers).filter(Number.isFinite)];
    const names = lines.map(([name]) => name);
    const made = { ...texts, lines: names, readings: history, scale: scale(numbers), limit };
    return [linePlot(made, now.at)];
  });
  find("plots").replaceChildren(...shown);
  find("figures").replaceChildren(
    ...stated.map(([name, read]) => {
      const figure = element("div", undefined, "figure");
      figure.append(element("dt", name), element("dd", read(now)));
      return figure;
    }),
  );
}

/** Shows the last hour, minute by minute. */
export function showTimeline({ revocations, cuts }) {
  const plot = barPlot({
    ...{ title: "Revocations and cut connections", unit: "per minute, log scale", write: whole },
    ...{ kinds: ["revocations", "connections cut"], counts: [revocations, cuts] },
    scale: decades([...revocations, ...cuts], { lowest: 0, least: 1, withZero: true }),
  });
  find("timeline").replaceChildren(plot);
}
