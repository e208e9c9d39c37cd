import type { Rules, Server, State, World } from "./state.ts";

/** How long a reader trusts its memory. */
export function stalenessOf(reader: number, world: World, has: Rules): number {
  return has("one staleness") ? world.hold : (world.staleness[reader] ?? world.hold);
}

/** Whether a reader answers from memory now. */
export function isFresh(state: State, index: number, world: World, has: Rules): boolean {
  const reader = state.readers[index];
  if (reader === undefined || !reader.complete) return false;
  const wallAge = state.now - reader.provenAt;
  const age = has("both clocks") ? wallAge : wallAge - reader.stoodStill;
  return age < stalenessOf(index, world, has);
}

/** Whether a server's "not there" is believed. */
export function isTrusted(server: Server, has: Rules): boolean {
  return (!server.changed || !has("an epoch")) && !server.settling;
}
