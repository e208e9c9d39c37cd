import type { z } from "zod";
import type { RedisAddress, RedisTopology } from "../denylist/redis/connection.ts";
import { choice, duration, flag, group, list, text, whole } from "./readers.ts";

const file = text("the path of a file");

const server =
  'redis:// or rediss:// with a host, and nothing but a database number behind, such as "redis://redis:6379/0"';
const node = 'redis:// or rediss:// with host and port, such as "redis://redis-1:6379"';
const nodes = list(
  text(node).refine((value) => isRedisUrl(value, "node"), `expected ${node}`),
  "addresses",
).min(1, "expected at least one address");

const ways = ["url", "sentinels", "cluster"] as const;

/** The settings of the store that sidecars share. */
export const redisSchema = group({
  url: text(server)
    .refine((value) => isRedisUrl(value, "server"), `expected ${server}`)
    .optional(),
  sentinels: group({
    primary: text("the name under which the sentinels know the primary"),
    nodes,
    username: text("a user name").optional(),
    passwordFile: file.optional(),
    database: whole(0, 0, 1_000_000, "a database"),
  }).optional(),
  cluster: nodes.optional(),
  username: text("a user name").optional(),
  passwordFile: file.optional(),
  caFile: file.optional(),
  reads: choice(["local", "every-request"]).default("local"),
  staleness: duration("150ms", "20ms", "2s"),
  grace: duration("5s", "100ms", "5m"),
  whenUnavailable: choice(["deny", "serve-known"]).default("deny"),
  waitReplicas: whole(0, 0, 10, "replicas"),
  allowEviction: flag(false),
  feedLines: whole(10_000, 100, 10_000_000, "lines"),
  keyPrefix: text("a prefix for keys").default("revgate:"),
  connectTimeout: duration("2s", "10ms", "1m"),
  commandTimeout: duration("1s", "10ms", "1m"),
}).superRefine((redis, context) => {
  const given = ways.filter((way) => redis[way] !== undefined);
  if (given.length !== 1) {
    context.addIssue({ code: "custom", message: "expected one of url, sentinels and cluster" });
  }
  if (redis.grace < 2 * redis.staleness) {
    const message = "expected grace to be at least twice as long as staleness";
    context.addIssue({ code: "custom", message, path: ["grace"] });
  }
  const schemes = new Set(addressesOf(redis).map((url) => new URL(url).protocol));
  if (schemes.size > 1) {
    const message = "expected either redis:// or rediss:// everywhere";
    context.addIssue({ code: "custom", message });
  }
});

/** The settings as read. */
export type RedisSettings = z.output<typeof redisSchema>;

/** Where to connect, and as whom. */
export interface RedisAccess {
  readonly topology: RedisTopology;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: { readonly ca: Buffer | undefined } | undefined;
}

/** Secrets and certificates, as read from their files. */
export interface RedisFiles {
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly ca: Buffer | undefined;
}

/** Puts together what the settings say of how to reach Redis. */
export function redisAccess(redis: RedisSettings, files: RedisFiles): RedisAccess {
  const url = redis.url === undefined ? undefined : new URL(redis.url);
  const secure = addressesOf(redis)[0]?.startsWith("rediss:") ?? false;
  return {
    topology: topologyOf(redis, files),
    username: given(url?.username) ?? redis.username,
    password: files.password ?? given(url?.password),
    tls: secure ? { ca: files.ca } : undefined,
  };
}

function topologyOf(
  { url, sentinels, cluster }: RedisSettings,
  { sentinelPassword }: RedisFiles,
): RedisTopology {
  if (cluster !== undefined) return { kind: "cluster", nodes: cluster.map(addressOf) };
  if (sentinels !== undefined) {
    return {
      kind: "sentinel",
      primary: sentinels.primary,
      sentinels: sentinels.nodes.map(addressOf),
      username: sentinels.username,
      password: sentinelPassword,
      database: sentinels.database,
    };
  }
  const database = Number(new URL(url ?? "").pathname.slice(1));
  return { kind: "single", address: addressOf(url ?? ""), database };
}

type Addresses = Pick<RedisSettings, "url" | "sentinels" | "cluster">;

function addressesOf({ url, sentinels, cluster }: Addresses): readonly string[] {
  return [...(url === undefined ? [] : [url]), ...(sentinels?.nodes ?? []), ...(cluster ?? [])];
}

function addressOf(url: string): RedisAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 6379 : Number(port) };
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : decodeURIComponent(text);
}

function isRedisUrl(value: string, what: "server" | "node"): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, pathname, search, hash, username } = new URL(value);
  const known = protocol === "redis:" || protocol === "rediss:";
  const bare = known && hostname !== "" && search === "" && hash === "";
  if (what === "node") return bare && username === "" && /^\/?$/.test(pathname);
  return bare && /^(?:\/\d*)?$/.test(pathname);
}
