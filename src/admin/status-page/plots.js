// Plots: lines over the last two minutes, bars over the last hour; each with axes, units and a legend.
import { element } from "./elements.js";

/** How far back lines reach, in milliseconds. */
export const windowMs = 120_000;

const svgElement = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, String(text));
  return made;
};

/** The least of 1, 2, 5, 10, 20, 50, … times `unit` that is not below a number. */
export function roundUp(number, unit = 1) {
  if (!(number > unit)) return unit;
  const power = 10 ** Math.floor(Math.log10(number / unit));
  return unit * power * [1, 2, 5, 10].find((step) => step * power >= (number / unit) * 0.999_999);
}

/** From 0 to a round number: the ticks, the highest first, and where a number lies between 0 and 1. */
export function linear(numbers, unit) {
  const top = roundUp(Math.max(0, ...numbers), unit);
  return { ticks: [top, top / 2, 0], at: (number) => number / top };
}

/** By powers of ten. Below the lowest lies zero if `withZero`, else nothing. */
export function decades(numbers, { lowest, least, withZero = false }) {
  const found = numbers.filter((number) => number > 0);
  const high = Math.max(least, Math.ceil(Math.log10(Math.max(10 ** lowest, ...found)) - 1e-9));
  const low = withZero ? lowest - 1 : lowest;
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (high - index));
  if (withZero) ticks[ticks.length - 1] = 0;
  const at = (number) =>
    number <= 0 ? 0 : Math.min(1, Math.max(0, (Math.log10(number) - low) / (high - low)));
  return { ticks, at };
}

/** Puts a drawing between its axes. `keys`: [class, name, value] of each series. */
function frame({ title, unit, scale, write, tick = write, span }, keys, shapes) {
  const figure = element("figure", undefined, "plot");
  const caption = element("figcaption", title);
  caption.append(" ", element("span", unit, "unit"));
  const legend = element("ul", undefined, "legend");
  for (const [className, name, text] of keys) {
    const key = element("li", undefined, `key ${className}`);
    key.append(element("span", name, "name"), " ", element("span", text, "value"));
    legend.append(key);
  }
  const chart = element("div", undefined, "chart");
  const axis = (className, labels) => {
    const made = element("div", undefined, className);
    made.setAttribute("aria-hidden", "true");
    made.append(...labels.map((label) => element("span", label)));
    return made;
  };
  const steps = scale.ticks.length - 1;
  const told = keys.map(([, name, text]) => `${name} ${text}`).join(", ");
  const svg = svgElement("svg", {
    ...{ viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img" },
    "aria-label": `${title}, ${unit}, ${span[0]} to ${span.at(-1)}: ${told}`,
  });
  svg.append(
    ...scale.ticks.map((_, index) => {
      const y = (100 * index) / steps;
      return svgElement("line", { x1: 0, x2: 100, y1: y, y2: y, class: "grid" });
    }),
    ...shapes,
  );
  chart.append(axis("y", scale.ticks.map(tick)), svg, axis("x", span));
  figure.append(caption, legend, chart);
  return figure;
}

/** Lines over the last two minutes. `lines`: their names; `readings`: when, and a number for each line. */
export function linePlot({ lines, readings, scale, limit, ...texts }, nowMs) {
  const x = (at) => 100 - (100 * (nowMs - at)) / windowMs;
  const y = (number) => 100 - 100 * scale.at(number);
  const shapes = lines.map((_, index) => {
    const points = readings.flatMap(({ at, numbers: { [index]: number } }) =>
      Number.isFinite(number) ? [`${x(at).toFixed(2)},${y(number).toFixed(2)}`] : [],
    );
    return svgElement("polyline", { points: points.join(" "), class: `line-${index + 1}` });
  });
  if (limit > 0) {
    const at = y(limit);
    shapes.unshift(svgElement("line", { x1: 0, x2: 100, y1: at, y2: at, class: "limit" }));
  }
  const latest = readings.at(-1)?.numbers ?? [];
  const keys = lines.map((name, index) => {
    const number = latest[index];
    return [`line-${index + 1}`, name, number === undefined ? "–" : texts.write(number)];
  });
  if (limit > 0) keys.push(["limit", "limit", texts.write(limit)]);
  return frame({ ...texts, scale, span: ["2 min ago", "1 min ago", "now"] }, keys, shapes);
}

/** Bars for each of the last sixty minutes. `counts`: a list for each kind, the oldest minute first. */
export function barPlot({ kinds, counts, scale, ...texts }) {
  const [slots, width] = [60, 100 / 60];
  const share = (width * 0.9) / kinds.length;
  const shapes = counts.flatMap((list, kind) =>
    list.flatMap((count, index) => {
      const height = 100 * scale.at(count);
      const x = (slots - list.length + index) * width + kind * share;
      const place = { x: x.toFixed(2), y: (100 - height).toFixed(2), width: share.toFixed(2) };
      const shape = { ...place, height: height.toFixed(2), class: `bar-${kind + 1}` };
      return count > 0 ? [svgElement("rect", shape)] : [];
    }),
  );
  const keys = kinds.map((name, kind) => {
    const sum = counts[kind].reduce((one, other) => one + other, 0);
    return [`bar-${kind + 1}`, name, texts.write(sum)];
  });
  return frame({ ...texts, scale, span: ["60 min ago", "30 min ago", "now"] }, keys, shapes);
}
