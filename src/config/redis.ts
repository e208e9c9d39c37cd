import type { z } from "zod";
import type { RedisAddress, RedisTls, RedisTopology } from "../denylist/redis/client.ts";
import { type redis as redisSchema, usesTls } from "./settings/redis.ts";
import type { Certificate } from "./tls-files.ts";

/** The settings as read. */
export type RedisSettings = z.output<typeof redisSchema>;

/** Where to connect, and as whom. */
export interface RedisAccess {
  readonly topology: RedisTopology;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: RedisTls | undefined;
}

/** Secrets and certificates, as read from their files. */
export interface RedisFiles {
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly ca: Buffer | undefined;
  readonly certificate: Certificate | undefined;
}

/** Puts together what the settings say of how to reach Redis. */
export function redisAccess(redis: RedisSettings, files: RedisFiles): RedisAccess {
  const url = redis.url === undefined ? undefined : new URL(redis.url);
  const { ca, certificate } = files;
  return {
    topology: topologyOf(redis, files),
    username: given(url?.username) ?? redis.username,
    password: files.password ?? given(url?.password),
    tls: usesTls(redis) ? { ca, certificate, serverName: redis.serverName } : undefined,
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
