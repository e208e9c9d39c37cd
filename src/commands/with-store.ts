import { setTimeout as sleep } from "node:timers/promises";
import { tokensInForce } from "../app/in-force.ts";
import { openStore } from "../app/store.ts";
import { openVerifier } from "../app/verification.ts";
import { dataDirOf } from "../config/data-dir.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { connectControl } from "../control/control-client.ts";
import type { StoreCommand } from "../control/store-command.ts";
import { createStoreCommands } from "../control/store-commands.ts";
import { type Denylist, revocationKinds } from "../denylist/denylist.ts";
import { ControlError, StoreUnavailableError } from "../errors.ts";
import { createLogger } from "../observability/logger.ts";
import { createMetrics } from "../observability/metrics.ts";
import type { CommandIo } from "./io.ts";

const lookAgainMs = 20;

/** Carries out store commands; every value of an answer is yielded. */
export type AskStore = (command: StoreCommand) => AsyncIterable<unknown>;

/**
 * Runs `work` with access to the denylist: through the revgate that is running on the configured data
 * directory, or, if none is, by opening the store here for as long as it takes.
 */
export async function withStore<Result>(
  file: string,
  io: CommandIo,
  work: (ask: AskStore, config: Config) => Promise<Result>,
): Promise<Result> {
  const config = await loadConfig(file, io.env);
  const dataDir = dataDirOf(config);
  const running = await connectControl(dataDir);
  if (running !== undefined) {
    try {
      return await work(askRunning(dataDir, running), config);
    } finally {
      // Nothing may have been asked.
      running.close();
    }
  }

  const context = {
    logger: createLogger("silent", []),
    metrics: createMetrics({ outcomes: [], kinds: revocationKinds }, "").store,
  };
  const store = await openStore(config, context);
  const verification = openVerifier(config, {
    ...context,
    clock: store.clock,
    latestExpiry: store.latestExpiry,
    naming: store.naming,
  });
  const commands = createStoreCommands({
    denylist: store.denylist,
    tokens: tokensInForce({ config, verification }),
    clock: store.clock,
    onRevoked: context.metrics.countRevoked,
  });
  store.serveCommands(commands);
  try {
    await untilShared(store.denylist, config.settings.denylist.holdTimeout);
    return await work(commands, config);
  } finally {
    verification.close();
    await store.close();
  }
}

/** One connection carries one command: the first is there already, others are made as needed. */
function askRunning(
  dataDir: string,
  first: NonNullable<Awaited<ReturnType<typeof connectControl>>>,
): AskStore {
  let next: typeof first | undefined = first;
  return async function* ask(command) {
    const connection = next ?? (await connectControl(dataDir));
    next = undefined;
    if (connection === undefined) throw new ControlError("the running revgate has ended meanwhile");
    yield* connection.send(command);
  };
}

/**
 * Waits until what is revoked here reaches everybody who shares the store.
 *
 * Rejects with StoreUnavailableError before anything is recorded: a record on a machine without a running revgate
 * would never leave it.
 */
async function untilShared(denylist: Denylist, timeoutMs: number): Promise<void> {
  const giveUpAtMs = performance.now() + timeoutMs;
  for (;;) {
    const { reason } = denylist.health();
    if (reason === undefined) return;
    if (performance.now() >= giveUpAtMs) {
      throw new StoreUnavailableError(`${reason}; nothing was done`);
    }
    await sleep(lookAgainMs);
  }
}
