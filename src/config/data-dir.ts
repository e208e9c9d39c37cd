import { resolve } from "node:path";
import type { Config } from "./load.ts";

/** The directory that the configuration gives to this sidecar alone. */
export function dataDirOf(config: Config): string {
  return resolve(config.directory, config.settings.denylist.dataDir);
}
