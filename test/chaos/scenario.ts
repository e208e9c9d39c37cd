import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { startApplication } from "../helpers/application.ts";
import { makeSteppingClocks } from "../helpers/stepping-clock.ts";
import { until } from "../helpers/until.ts";
import { type BreakageName, breakages, changeProgram } from "./breakages/break-program.ts";
import { smallSnapshots } from "./breakages/small-snapshots.ts";
import {
  type Blindness,
  check,
  cutDelays,
  type Event,
  type Rollback,
  type Violation,
} from "./checker.ts";
import { listFaults } from "./faults/list.ts";
import { Random } from "./random.ts";
import { Sidecar } from "./sidecar.ts";
import { startStore } from "./stores/start.ts";
import type { Topology } from "./stores/store.ts";
import { World } from "./world.ts";

/** What is to happen. */
export interface ScenarioOptions {
  readonly topology: Topology;
  readonly seed: number;
  /** It ends when it has had all of these, or when its time is up, and not before the first revocation. */
  readonly revocations: number;
  readonly faults: number;
  readonly seconds: number;
  /** A promise to break on purpose. */
  readonly breakage?: BreakageName | undefined;
  /** Has the sidecars keep and load snapshots of few entries. */
  readonly smallSnapshots?: boolean | undefined;
  /** Stops as soon as a promise is broken. */
  readonly untilViolation?: boolean;
  /** Only faults of these names. */
  readonly only?: readonly string[] | undefined;
  readonly onProgress?: (text: string) => void;
}

/** What has happened. */
export interface Report {
  readonly revocations: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly failed: number;
  /** WebSockets that were opened, and that ended with their token; how long after its end that was. */
  readonly connections: number;
  readonly cut: number;
  readonly cutMs: { readonly half: number; readonly most: number };
  readonly violations: readonly Explained[];
}

/** A violation with what came before it. */
export type Explained = Violation & {
  /** The last faults before it. */
  readonly behind: readonly string[];
  /** When its token may be refused for what it is. */
  readonly endsMs: number | undefined;
  /** What was done with its token, in order. */
  readonly history: readonly Event[];
};

/** A fault that happened. */
interface Struck {
  readonly name: string;
  readonly startedMs: number;
}

const handedOut = ["x-access", "x-refresh"];
const sidecarCount = 3;
/** How long a sidecar that is whole may take to cut what it learns of. */
const settlesMs = 2000;
const clientCount = 24;
/** It is worth a word if it took longer to be ready again. */
const slowMs = 3000;

/** Runs clients against sidecars while one thing after the other breaks, and checks what they saw. */
export async function runScenario(
  t: Pick<TestContext, "after">,
  options: ScenarioOptions,
): Promise<Report> {
  const random = new Random(options.seed);
  const application = await startApplication(t as TestContext, ({ headers }, response) => {
    // A client says which tokens a login hands out: it has to know them if the answer is lost.
    for (const name of handedOut) response.setHeader(name, headers[name] ?? "none");
    response.end("ok");
  });
  const sockets = new WebSocketServer({ server: application.server });
  sockets.on("connection", (socket) => socket.on("error", () => {}));
  const makeClock = makeSteppingClocks(t);
  const store = await startStore(t, options.topology, makeClock);
  const changes = [
    ...(options.smallSnapshots === true ? smallSnapshots : []),
    ...(options.breakage === undefined ? [] : breakages[options.breakage].changes),
  ];
  const program = changes.length === 0 ? undefined : changeProgram(t, changes);
  // Without a store to share, a sidecar answers for itself alone.
  const count = store.kind === "embedded" ? 1 : sidecarCount;
  const { settings: denylist, ports } = store;
  const shared = { denylist, ports, program, application: application.url };
  const start = () => Sidecar.start(t, { ...shared, clock: makeClock() });
  const sidecars = await Promise.all(Array.from({ length: count }, start));
  const inTheWay = async () =>
    (await Promise.all(sidecars.map((sidecar) => sidecar.inTheWay()))).find(Boolean);
  const allReady = async () => (await inTheWay()) === undefined;
  await until(allReady);

  const blindness: Blindness[] = [];
  const rollbacks: Rollback[] = [];
  const world = new World(sidecars);
  t.after(() => world.close());
  const overMs = performance.now() + options.seconds * 1000;
  const struck: Struck[] = [];
  const violations = (settledMs?: number) => {
    const { events, connections, endsMs } = world;
    // Before that, a connection may be cut by what nobody has been told of yet.
    return check({
      events,
      blindness,
      rollbacks,
      endsMs,
      ...(settledMs && { connections, settledMs }),
    });
  };
  const isOver = () =>
    (performance.now() > overMs && world.revocations > 0) ||
    (struck.length >= options.faults && world.revocations >= options.revocations) ||
    (options.untilViolation === true && violations().length > 0);

  const clients = Array.from({ length: clientCount }, (_, i) =>
    world.live(new Random(options.seed + 1 + i), options.revocations),
  );
  const kinds = listFaults({
    random,
    sidecars,
    store,
    onBlind: (blind) => void blindness.push(blind),
    onRollback: (rollback) => void rollbacks.push(rollback),
  }).filter(({ name }) => options.only?.includes(name) ?? true);
  while (!isOver()) {
    if (struck.length >= options.faults) {
      await sleep(20);
      continue;
    }
    const fault = random.pick(kinds);
    struck.push({ name: fault.name, startedMs: performance.now() });
    await fault.strike();
    options.onProgress?.(
      `${struck.length} faults, ${world.revocations} revocations: ${fault.name}`,
    );
    await sleep(random.between(0, 300));
    // What only one of them knows must be told before it is hit again: that much is promised.
    const waitsFrom = performance.now();
    let reason: string | undefined;
    await until(async () => {
      const now = await inTheWay();
      reason = now ?? reason;
      return performance.now() > overMs || now === undefined;
    });
    const waitedMs = Math.round(performance.now() - waitsFrom);
    if (waitedMs > slowMs) options.onProgress?.(`ready ${waitedMs} ms later: ${reason}`);
  }
  world.stop();
  await Promise.all(clients);
  await until(allReady);
  await world.askForAllDead();
  const settledMs = performance.now();
  // What was revoked before that is over now.
  await sleep(settlesMs);
  const delays = cutDelays(world);
  return {
    revocations: world.revocations,
    faults: countByName(struck),
    requests: world.events.length,
    failed: world.events.filter(({ outcome }) => outcome === "failed").length,
    connections: world.connections.length,
    cut: delays.length,
    cutMs: { half: quantile(delays, 0.5), most: quantile(delays, 1) },
    violations: violations(settledMs).map((violation) => ({
      ...violation,
      behind: lastBefore(violation, struck),
      endsMs: world.endsMs.get(violation.event.token),
      history: world.events.filter(({ token }) => token === violation.event.token),
    })),
  };
}

function quantile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.ceil(part * sorted.length) - 1] ?? 0);
}

function countByName(struck: readonly Struck[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of struck) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** The faults that came before a violation, the last one first, and how long before. */
function lastBefore({ event }: Violation, struck: readonly Struck[]): string[] {
  const atMs = "endedMs" in event ? event.endedMs : (event.closedMs ?? Infinity);
  return struck
    .filter(({ startedMs }) => startedMs <= atMs)
    .slice(-4)
    .reverse()
    .map(({ name, startedMs }) => `${name}, ${Math.round(atMs - startedMs)} ms before`);
}
