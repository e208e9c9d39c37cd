import type { z } from "zod";
import type { RedisAddress, RedisTopology } from "../denylist/redis/connection.ts";
import { redisAddresses, type redis as redisSchema } from "./settings/redis.ts";

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
  const secure = redisAddresses(redis)[0]?.startsWith("rediss:") ?? false;
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

function addressOf(url: string): RedisAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 6379 : Number(port) };
}

function given(text: string | undefined): string | undefined {
  return text === undefined || text === "" ? undefined : decodeURIComponent(text);
}
