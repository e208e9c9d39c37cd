import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startApplication } from "../helpers/application.ts";
import { until } from "../helpers/store.ts";
import { makeToken } from "../helpers/tokens.ts";
import { type Breakage, breakProgram } from "./breakages.ts";
import { type Blindness, check, type Event, type Violation } from "./checker.ts";
import { listFaults } from "./faults.ts";
import { Random } from "./random.ts";
import { Sidecar } from "./sidecar.ts";
import { startStore, type Topology } from "./store.ts";

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
  readonly violations: readonly Violation[];
}

const sidecarCount = 3;
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
  const endsMs = performance.now() + options.seconds * 1000;
  const struck = new Map<string, number>();
  let faults = 0;
  const isOver = () =>
    performance.now() > endsMs ||
    (faults >= options.faults && world.revocations >= options.revocations) ||
    (options.untilViolation === true && check({ events: world.events, blindness }).length > 0);

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
  return {
    revocations: world.revocations,
    faults: Object.fromEntries(struck),
    requests: world.events.length,
    failed: world.events.filter(({ outcome }) => outcome === "failed").length,
    violations: check({ events: world.events, blindness }),
  };
}

/** The clients, and what they saw. */
class World {
  readonly events: Event[] = [];
  readonly #sidecars: readonly Sidecar[];
  readonly #dead: { readonly number: number; readonly token: string }[] = [];
  #tokens = 0;
  #stopped = false;

  constructor(sidecars: readonly Sidecar[]) {
    this.#sidecars = sidecars;
  }

  get revocations(): number {
    return this.#dead.length;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Logs in, calls, logs out, and tries again what must not work, until told to stop. */
  async live(random: Random, most: number): Promise<void> {
    while (!this.#stopped) {
      this.#tokens += 1;
      const number = this.#tokens;
      const token = makeToken({ sub: `user${number}` });
      for (let calls = random.between(1, 3); calls > 0; calls -= 1) {
        await this.#send(this.#anySidecar(random), "call", { number, token });
      }
      if (this.revocations < most && (await this.#logOut(random, { number, token }))) {
        await Promise.all(
          this.#sidecars.map((_, sidecar) => this.#send(sidecar, "call", { number, token })),
        );
        this.#dead.push({ number, token });
      }
      if (this.#dead.length > 0) {
        await this.#send(this.#anySidecar(random), "call", random.pick(this.#dead));
      }
    }
  }

  /** Asks every sidecar for every token that was given up. */
  async askForAllDead(): Promise<void> {
    const queue = this.#dead.flatMap((dead) =>
      this.#sidecars.map((_, sidecar) => ({ sidecar, dead })),
    );
    const work = async () => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        await this.#send(next.sidecar, "call", next.dead);
      }
    };
    await Promise.all(Array.from({ length: clientCount }, work));
  }

  /** Tries until it is answered; true where the answer was the application's 2xx. */
  async #logOut(random: Random, token: { number: number; token: string }): Promise<boolean> {
    while (!this.#stopped) {
      const outcome = await this.#send(this.#anySidecar(random), "logout", token, random);
      if (outcome !== "failed") return outcome === "allowed";
      await sleep(random.between(10, 200));
    }
    return false;
  }

  #anySidecar(random: Random): number {
    return random.between(0, this.#sidecars.length - 1);
  }

  async #send(
    sidecar: number,
    kind: Event["kind"],
    { number, token }: { number: number; token: string },
    random?: Random,
  ): Promise<Event["outcome"]> {
    const paths = kind === "call" ? ["/me"] : ["/logout", "/change-password"];
    const path = random === undefined ? "/me" : random.pick(paths);
    const startedMs = performance.now();
    const outcome = await this.#ask(sidecar, {
      path,
      method: kind === "call" ? "GET" : "POST",
      token,
    });
    const endedMs = performance.now();
    this.events.push({ token: number, sidecar, kind, startedMs, endedMs, outcome });
    return outcome;
  }

  async #ask(
    sidecar: number,
    { path, method, token }: { path: string; method: "GET" | "POST"; token: string },
  ): Promise<Event["outcome"]> {
    const client = this.#sidecars[sidecar]?.client;
    try {
      const reply = await client?.request({ path, method, headers: { token } });
      await reply?.body.dump();
      if (reply?.statusCode === 200) return "allowed";
      return reply?.statusCode === 401 ? "refused" : "failed";
    } catch {
      // So that a sidecar that is down is not asked a thousand times a second.
      await sleep(20);
      return "failed";
    }
  }
}
