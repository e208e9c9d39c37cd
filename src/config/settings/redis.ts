import { file } from "./fields.ts";
import { about, choice, duration, flag, group, list, text, whole } from "./readers.ts";

const server =
  'redis:// or rediss:// with a host, and nothing but a database number behind, such as "redis://redis:6379/0"';
const node = 'redis:// or rediss:// with host and port, such as "redis://redis-1:6379"';
const nodes = list(
  text(node).refine((value) => isRedisUrl(value, "node"), `expected ${node}`),
  "addresses",
).min(1, "expected at least one address");

const topologies = ["url", "sentinels", "cluster"] as const;

const sentinels = group({
  primary: about(
    "The name under which the sentinels know the primary.",
    text("the name under which the sentinels know the primary"),
    { example: "mymaster" },
  ),
  nodes: about("The sentinels.", nodes, {
    example: [
      "rediss://sentinel-1:26379",
      "rediss://sentinel-2:26379",
      "rediss://sentinel-3:26379",
    ],
  }),
  username: about("The user there.", text("a user name").optional(), { example: "sentinel" }),
  passwordFile: about("The password there.", file.optional(), { example: "sentinel-password" }),
  database: about("The database of the primary.", whole(0, 0, 1_000_000, "a database")),
});

/** The store that sidecars share. */
export const redis = group({
  url: about(
    "One server.",
    text(server)
      .refine((value) => isRedisUrl(value, "server"), `expected ${server}`)
      .optional(),
    { example: "rediss://redis:6379/0" },
  ),
  sentinels: about(
    "Several servers, of which Sentinel names the primary; in place of url.",
    sentinels.optional(),
  ),
  cluster: about("A Cluster, by some of its nodes; in place of url.", nodes.optional(), {
    example: ["rediss://redis-1:6379", "rediss://redis-2:6379"],
  }),
  username: about("The user, if the url names none.", text("a user name").optional(), {
    example: "revgate",
  }),
  passwordFile: about("The password, in a file.", file.optional(), { example: "redis-password" }),
  caFile: about("Certificates to trust for rediss: besides the system's.", file.optional(), {
    example: "redis-ca.pem",
  }),
  certFile: about("The certificate by which Redis knows revgate, in PEM.", file.optional(), {
    example: "redis-client.pem",
  }),
  keyFile: about("Its key, in PEM.", file.optional(), { example: "redis-client-key.pem" }),
  serverName: about(
    "The name that each server's certificate must have, if it is not the one by which it is reached.",
    text("a host name").optional(),
    {
      example: "redis.example",
      why: "Nodes of a Cluster and sentinels may name servers by address.",
    },
  ),
  reads: about(
    "local: memory answers while it is proved to be no older than staleness, and Redis is asked otherwise; every-request: Redis is asked each time.",
    choice(["local", "every-request"]).default("local"),
    { why: "Look-ups of the same moment travel together." },
  ),
  staleness: about(
    "Max age of a sidecar's memory, and how long each logout is held.",
    duration("150ms", "20ms", "2s"),
    {
      why: "The store keeps the value that it was begun with, for all sidecars. To change it, roll the new value out and delete the key revgate:epoch.",
    },
  ),
  grace: about(
    "After a loss of data in Redis: how long a missing key may still be one that was lost.",
    duration("5s", "100ms", "5m"),
    {
      why: "Sidecars write back what they know; requests that have to ask get 503 meanwhile. It must cover the time in which every sidecar notices, connects again and writes back: seconds.",
    },
  ),
  whenUnavailable: about(
    "deny: 503 while Redis does not answer; serve-known: what this sidecar knows decides.",
    choice(["deny", "serve-known"]).default("deny"),
    { why: "With serve-known, logouts at other sidecars do not count meanwhile." },
  ),
  waitReplicas: about(
    "How many replicas must have a logout before it counts.",
    whole(0, 0, 10, "replicas"),
    {
      why: "An answer counts only from a primary that has so many: no failover loses a logout then, and no primary that was replaced is believed.",
    },
  ),
  allowEviction: about(
    "Believes a Redis that may evict keys, and so forget revocations.",
    flag(false),
    { why: "With any maxmemory-policy but noeviction, nothing it says is believed otherwise." },
  ),
  feedLines: about(
    "About how many revocations the feed keeps.",
    whole(10_000, 100, 10_000_000, "lines"),
    { why: "A sidecar that falls behind further loads everything." },
  ),
  keyPrefix: about(
    "What the names of all keys begin with.",
    text("a prefix for keys").default("revgate:"),
  ),
  connectTimeout: about("Max time to connect.", duration("2s", "10ms", "1m")),
  commandTimeout: about("Max time of an answer.", duration("1s", "10ms", "1m")),
}).superRefine((settings, context) => {
  const given = topologies.filter((way) => settings[way] !== undefined);
  if (given.length !== 1) {
    context.addIssue({ code: "custom", message: "expected one of url, sentinels and cluster" });
  }
  if (settings.grace < 2 * settings.staleness) {
    const message = "expected grace to be at least twice as long as staleness";
    context.addIssue({ code: "custom", message, path: ["grace"] });
  }
  if ((settings.certFile === undefined) !== (settings.keyFile === undefined)) {
    const message = "expected certFile and keyFile together";
    context.addIssue({ code: "custom", message });
  }
  for (const name of ["caFile", "certFile", "serverName"] as const) {
    if (settings[name] === undefined || usesTls(settings)) continue;
    const message = "has no effect without rediss:// in the addresses";
    context.addIssue({ code: "custom", message, path: [name] });
  }
  // Those that are no URL have been reported each by itself.
  const urls = redisAddresses(settings).filter((url) => URL.canParse(url));
  const schemes = new Set(urls.map((url) => new URL(url).protocol));
  if (schemes.size > 1) {
    const message = "expected either redis:// or rediss:// everywhere";
    context.addIssue({ code: "custom", message });
  }
});

interface Addresses {
  readonly url?: string | undefined;
  readonly sentinels?: { readonly nodes: readonly string[] } | undefined;
  readonly cluster?: readonly string[] | undefined;
}

/** Every address that the settings name. */
export function redisAddresses({ url, sentinels, cluster }: Addresses): readonly string[] {
  return [...(url === undefined ? [] : [url]), ...(sentinels?.nodes ?? []), ...(cluster ?? [])];
}

/** Whether the addresses ask for TLS; all of them do, or none. */
export function usesTls(addresses: Addresses): boolean {
  return redisAddresses(addresses).some((url) => url.startsWith("rediss:"));
}

function isRedisUrl(value: string, what: "server" | "node"): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, pathname, search, hash, username } = new URL(value);
  const known = protocol === "redis:" || protocol === "rediss:";
  const bare = known && hostname !== "" && search === "" && hash === "";
  if (what === "node") return bare && username === "" && /^\/?$/.test(pathname);
  return bare && /^(?:\/\d*)?$/.test(pathname);
}
