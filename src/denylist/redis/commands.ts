/**
 * The commands that revgate sends to Redis, those inside its scripts included: what its user must be allowed, and
 * no more. The documented ACL is made of this list; a test holds that each of them is used, and no other.
 */
export const redisCommands = {
  /** However Redis is run. */
  always: [
    ...["eval", "evalsha", "info", "client", "time"],
    ...["get", "mget", "set", "del", "exists", "ttl", "pttl", "pexpire"],
    ...["xadd", "xrange", "xrevrange", "sadd", "srem", "hincrby", "hset", "hdel", "hgetall"],
  ],
  /** On one server, and on one that sentinels name. */
  single: ["scan"],
  /** The same, without `waitReplicas`. Where they are refused, readings of the feed cost six times as much. */
  steady: ["multi", "exec", "role", "hlen"],
  /** With a database other than 0. */
  database: ["select"],
  /** In a Cluster. */
  cluster: [
    ...["cluster|slots", "cluster|nodes", "cluster|keyslot", "cluster|getkeysinslot"],
    ...["cluster|info", "multi", "exec"],
  ],
  /** With `waitReplicas`. */
  waitReplicas: ["wait"],
} as const;

/** The commands of some ways to run Redis, as rules of an ACL: all of them unless told otherwise. */
export function aclRules(
  ways: readonly (keyof typeof redisCommands)[] = [
    "always",
    "single",
    "steady",
    "database",
    "cluster",
    "waitReplicas",
  ],
): string[] {
  const commands = new Set(ways.flatMap((way): readonly string[] => redisCommands[way]));
  return [...commands].map((command) => `+${command}`);
}
