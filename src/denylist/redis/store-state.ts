/**
 * One life of a shard of the store, as it is written there: while it lasts, the shard has lost nothing.
 *
 * `server` names the server that held it when the epoch began: run id and replication id. After a
 * restart, a failover or a FLUSHALL they, or the epoch itself, are not what they were.
 */
export interface Epoch {
  /** Random, base64url. */
  readonly id: string;
  /** How old a sidecar's knowledge of the feed may be; it belongs to the store, so that all go by the same. */
  readonly stalenessMs: number;
  /** The id of the line in the feed with which the epoch began; "-" where the feed is elsewhere. */
  readonly feedStart: string;
  readonly server: string;
}

/**
 * What a shard was like in the moment of an answer.
 *
 * `trusted`: it holds every revocation that was ever promised. `settling`: it has lost something, or is
 * new, and the sidecars are writing back what they know; what is not there may have been. `changed`: the
 * same, and nobody has begun a new epoch yet. `found` is the epoch as it stands in the store.
 */
export type ShardState =
  | { readonly kind: "trusted"; readonly epoch: Epoch; readonly found: string }
  | {
      readonly kind: "settling";
      readonly epoch: Epoch;
      readonly found: string;
      readonly leftMs: number;
    }
  | { readonly kind: "changed"; readonly epoch?: undefined; readonly found: string };

/** Whether a reading of a shard lies in that epoch. */
export function isIn(epoch: Epoch, state: ShardState): boolean {
  return state.epoch?.id === epoch.id;
}

/** Reads the state as the scripts return it; undefined where the server is no primary with `replicas` replicas. */
export function readState(reply: unknown, replicas: number): ShardState | undefined {
  const [found, server, role, connected, graceMs] = reply as [
    string,
    string,
    string,
    number,
    number,
  ];
  if (role !== "master" || connected < replicas) return undefined;
  const epoch = parseEpoch(found);
  if (epoch === undefined || epoch.server !== server) return { kind: "changed", found };
  // -2: no such key; -1: a key without an end, which nobody here makes.
  if (graceMs !== -2) return { kind: "settling", epoch, found, leftMs: Math.max(graceMs, 0) };
  return { kind: "trusted", epoch, found };
}

function parseEpoch(text: string): Epoch | undefined {
  const [id, staleness, feedStart, ...server] = text.split(" ");
  const stalenessMs = Number(staleness);
  if (id === undefined || feedStart === undefined || !(stalenessMs > 0)) return undefined;
  return { id, stalenessMs, feedStart, server: server.join(" ") };
}
