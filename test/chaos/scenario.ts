import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { startApplication } from "../helpers/application.ts";
import { until } from "../helpers/store.ts";
import { type Breakage, breakProgram } from "./breakages.ts";
import { type Blindness, check, cutDelays, type Violation } from "./checker.ts";
import { listFaults } from "./faults.ts";
import { Random } from "./random.ts";
import { Sidecar } from "./sidecar.ts";
import { startStore, type Topology } from "./store.ts";
import { World } from "./world.ts";

/** What is to happen. */
export interface ScenarioOptions {
  readonly topology: Topology;
  readonly seed: number;
  /** It ends when it has had all of these, or when its time is up. */
  readonly revocations: number;
  readonly faults: number;
  readonly seconds: number;
  /** A promise to break on purpose. */
  readonly breakage?: Breakage | undefined;
  /** Stops as soon as a promise is broken. */
  readonly untilViolation?: boolean;
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
  readonly violations: readonly Violation[];
}

const sidecarCount = 3;
/** How long a sidecar that is whole may take to cut what it learns of. */
const settlesMs = 2000;
const clientCount = 24;

/** Runs clients against sidecars while one thing after the other breaks, and checks what they saw. */
export async function runScenario(
  t: Pick<TestContext, "after">,
  options: ScenarioOptions,
): Promise<Report> {
  const random = new Random(options.seed);
  const application = await startApplication(t as TestContext, (_, response) => {
    response.end("ok");
  });
  const sockets = new WebSocketServer({ server: application.server });
  sockets.on("connection", (socket) => socket.on("error", () => {}));
  const store = await startStore(t, options.topology);
  const program = options.breakage === undefined ? undefined : breakProgram(t, options.breakage);
  // Without a store to share, a sidecar answers for itself alone.
  const count = store.servers.length === 0 ? 1 : sidecarCount;
  const { settings: denylist, ports } = store;
  const start = () => Sidecar.start(t, { denylist, ports, program, application: application.url });
  const sidecars = await Promise.all(Array.from({ length: count }, start));
  const allReady = async () =>
    (await Promise.all(sidecars.map((sidecar) => sidecar.isReady()))).every(Boolean);
  await until(allReady);

  const blindness: Blindness[] = [];
  const world = new World(sidecars);
  t.after(() => world.close());
  const endsMs = performance.now() + options.seconds * 1000;
  const struck = new Map<string, number>();
  let faults = 0;
  const violations = (settledMs?: number) => {
    const { events, connections } = world;
    // Before that, a connection may be cut by what nobody has been told of yet.
    return check({ events, blindness, ...(settledMs && { connections, settledMs }) });
  };
  const isOver = () =>
    performance.now() > endsMs ||
    (faults >= options.faults && world.revocations >= options.revocations) ||
    (options.untilViolation === true && violations().length > 0);

  const clients = Array.from({ length: clientCount }, (_, i) =>
    world.live(new Random(options.seed + 1 + i), options.revocations),
  );
  const kinds = listFaults({
    random,
    sidecars,
    store,
    onBlind: (blind) => void blindness.push(blind),
  });
  while (!isOver()) {
    if (faults >= options.faults) {
      await sleep(20);
      continue;
    }
    const fault = random.pick(kinds)();
    await fault.strike();
    faults += 1;
    struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
    options.onProgress?.(`${faults} faults, ${world.revocations} revocations: ${fault.name}`);
    await sleep(random.between(0, 300));
    // What only one of them knows must be told before it is hit again: that much is promised.
    await until(async () => performance.now() > endsMs || (await allReady()));
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
    faults: Object.fromEntries(struck),
    requests: world.events.length,
    failed: world.events.filter(({ outcome }) => outcome === "failed").length,
    connections: world.connections.length,
    cut: delays.length,
    cutMs: { half: quantile(delays, 0.5), most: quantile(delays, 1) },
    violations: violations(settledMs),
  };
}

function quantile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.ceil(part * sorted.length) - 1] ?? 0);
}
