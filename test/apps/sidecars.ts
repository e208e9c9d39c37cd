import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startByFile, untilReady } from "../helpers/gate.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

type Ending = Pick<TestContext, "after">;

/** What stands in the place of the addresses in a configuration. */
export interface Place {
  readonly upstream: string;
  readonly secret: string;
  /** Needed if the configuration has a Redis. */
  readonly redisUrl?: string;
}

/** The text of an example's configuration. */
export function exampleConfig(name: string): string {
  return readFileSync(join(repository, "examples", name, "revgate.yaml"), "utf8");
}

/** Starts a revgate with a configuration as it stands in `examples/`, but for its addresses. */
export async function startSidecar(t: Ending, yaml: string, place: Place): Promise<string> {
  const directory = temporaryDirectory(t);
  const file = join(directory, "revgate.yaml");
  writeFileSync(join(directory, "jwt-secret.txt"), `${place.secret}\n`);
  const text = yaml
    .replace(/(?<=upstream: \{ url: )[^ }]+/, `"${place.upstream}"`)
    .replace(/(?<=redis: \{ url: )[^ }]+/, `"${place.redisUrl ?? ""}"`);
  writeFileSync(file, text);
  const gate = await startByFile(t, file);
  await untilReady(gate);
  return gate.url;
}
