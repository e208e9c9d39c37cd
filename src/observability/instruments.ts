import { Counter, type Metric, type Registry } from "prom-client";

/** What an instrument is called, and what it says. */
export interface InstrumentOptions {
  readonly name: string;
  readonly help: string;
  readonly registry: Registry;
}

/**
 * A counter whose series are plain numbers until Prometheus asks: prom-client checks and looks up the
 * labels on each call, and four calls were 5 % of what a request cost (docs/benchmarks.md).
 *
 * All series exist from the start, at zero.
 */
export function createCounter<Value extends string>(
  { name, help, registry }: InstrumentOptions,
  label: string,
  values: readonly Value[],
): Record<Value, PlainCount> {
  const series = values.map((value) => ({ value, count: new PlainCount() }));
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const { value, count } of series) this.inc({ [label]: value }, count.total);
    },
  });
  return Object.fromEntries(series.map(({ value, count }) => [value, count])) as Record<
    Value,
    PlainCount
  >;
}

/** One series of a counter. */
class PlainCount {
  total = 0;

  inc(count = 1): void {
    this.total += count;
  }
}

/** A histogram without labels, for what is observed on every request. */
export class PlainHistogram {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  /** Observations by the first bound that holds them; the last are beyond all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** `bounds` are upper limits, in ascending order. */
  constructor({ name, help, registry }: InstrumentOptions, bounds: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    // A registry needs no more of a metric than its name and what `get` returns.
    registry.registerMetric(this as unknown as Metric);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] ?? 0)) at += 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += value;
  }

  /** What prom-client writes down: cumulative buckets, the sum and the count. */
  get() {
    let count = 0;
    const buckets = [...this.#counts].map((inBucket, index) => {
      count += inBucket;
      const le = this.#bounds[index] ?? "+Inf";
      return { metricName: `${this.name}_bucket`, labels: { le }, value: count };
    });
    return {
      name: this.name,
      help: this.#help,
      type: "histogram",
      aggregator: "sum",
      values: [
        ...buckets,
        { metricName: `${this.name}_sum`, labels: {}, value: this.#sum },
        { metricName: `${this.name}_count`, labels: {}, value: count },
      ],
    };
  }
}
