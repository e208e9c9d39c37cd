import { tokensInForce } from "../app/in-force.ts";
import { dataDirOf, openStore } from "../app/store.ts";
import { openVerifier } from "../app/verification.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { connectControl } from "../control/control-socket.ts";
import { createStoreCommands, type StoreCommand } from "../control/store-commands.ts";
import { entryKinds } from "../denylist/denylist.ts";
import { createLogger } from "../observability/logger.ts";
import { createMetrics } from "../observability/metrics.ts";
import type { CommandIo } from "./io.ts";

/** Carries out store commands; every value of an answer is yielded. */
export type AskStore = (command: StoreCommand) => AsyncIterable<unknown>;

/**
 * Runs `work` with access to the denylist: through the revgate that is running on the configured data
 * directory, or, where none is, by opening the store here for as long as it takes.
 */
export async function withStore<Result>(
  file: string,
  io: CommandIo,
  work: (ask: AskStore, config: Config) => Promise<Result>,
): Promise<Result> {
  const config = await loadConfig(file, io.env);
  const dataDir = dataDirOf(config);
  const running = await connectControl(dataDir);
  if (running !== undefined) return work(askRunning(dataDir, running), config);

  const context = {
    logger: createLogger("silent", []),
    metrics: createMetrics({ outcomes: [], kinds: entryKinds }, "").store,
  };
  const store = await openStore(config, context);
  const verification = openVerifier(config, {
    ...context,
    clock: store.clock,
    latestExpiry: store.latestExpiry,
  });
  const commands = createStoreCommands({
    denylist: store.denylist,
    tokens: tokensInForce({ config, verification }),
    clock: store.clock,
    onRevoked: context.metrics.countRevoked,
  });
  store.serveCommands(commands);
  try {
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
    const send = next ?? (await connectControl(dataDir));
    next = undefined;
    if (send !== undefined) yield* send(command);
  };
}

/** The one value of an answer that has one. */
export async function only(answer: AsyncIterable<unknown>): Promise<unknown> {
  for await (const value of answer) return value;
  return undefined;
}
