import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { createCounter, PlainHistogram } from "../instruments.ts";

/** Makes instruments in one registry. Each name stands once in the code, with its help. */
export interface Makers {
  counter(name: string, help: string): Counter;
  /** A counter with a series for each value of a label; all of them exist from the start. */
  counters<Value extends string>(
    options: { readonly name: string; readonly help: string },
    label: string,
    values: readonly Value[],
  ): Record<Value, { inc(count?: number): void }>;
  gauge(name: string, help: string): Gauge;
  /** A gauge whose value is read when Prometheus asks. */
  reading(name: string, help: string, read: () => number): void;
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** A histogram for what is observed on every request. */
  plainHistogram(name: string, help: string, bounds: readonly number[]): PlainHistogram;
}

/** Makes the makers of one registry. */
export function createMakers(registry: Registry): Makers {
  const registers = [registry];
  return {
    counter: (name, help) => new Counter({ name, help, registers }),
    counters: (options, label, values) => createCounter({ ...options, registry }, label, values),
    gauge: (name, help) => new Gauge({ name, help, registers }),
    reading(name, help, read) {
      new Gauge({
        ...{ name, help, registers },
        collect() {
          this.set(read());
        },
      });
    },
    histogram: (name, help, buckets) =>
      new Histogram({ name, help, buckets: [...buckets], registers }),
    plainHistogram: (name, help, bounds) => new PlainHistogram({ name, help, registry }, bounds),
  };
}

/** Upper limits, in seconds, of what a disk or a store takes. */
export const syncBuckets = [
  1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1, 5,
];
