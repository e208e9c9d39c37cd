import { file } from "./fields.ts";
import { about, choice, duration, flag, group, list, text, whole } from "./readers.ts";

const server =
  'redis:// or rediss:// with a host, and at most a database number after it, such as "redis://redis:6379/0"';
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
    "Several servers, of which Sentinel names the primary; instead of url.",
    sentinels.optional(),
  ),
  cluster: about("A Cluster, by some of its nodes; instead of url.", nodes.optional(), {
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
    "The name that each server's certificate must have, if it differs from the name in its address.",
    text("a host name").optional(),
    {
      example: "redis.example",
      why: "Nodes of a Cluster and sentinels may name servers by IP address.",
    },
  ),
  reads: about(
    "local: memory answers while it is proved to be no older than staleness, otherwise revgate asks Redis; every-request: revgate asks Redis each time.",
    choice(["local", "every-request"]).default("local"),
    { why: "Lookups of the same moment are sent together." },
  ),
  staleness: about(
    "Max age of a sidecar's memory, and how long each logout is held.",
    duration("150ms", "20ms", "2s"),
    {
      why: "The store keeps the value of the first sidecar, for all sidecars. To change it, roll out the new value and delete the key revgate:epoch.",
    },
  ),
  grace: about(
    "After a loss of data in Redis: how long a missing key counts as possibly lost.",
    duration("5s", "100ms", "5m"),
    {
      why: "Sidecars write back what they know; meanwhile requests that must ask Redis get 503. It must be long enough for every sidecar to notice, reconnect and write back: seconds.",
    },
  ),
  whenUnavailable: about(
    "deny: 503 while Redis does not answer; serve-known: this sidecar decides by what it knows.",
    choice(["deny", "serve-known"]).default("deny"),
    { why: "With serve-known, tokens logged out at other sidecars meanwhile are accepted." },
  ),
  waitReplicas: about(
    "How many replicas must have a logout before it counts.",
    whole(0, 0, 10, "replicas"),
    {
      why: "Only a primary with that many replicas is trusted, so no failover loses a logout, and a replaced primary is not trusted.",
    },
  ),
  allowEviction: about(
    "Trusts a Redis that may evict keys, and so forget revocations.",
    flag(false),
    { why: "Without it, revgate trusts Redis only with maxmemory-policy noeviction." },
  ),
  feedLines: about(
    "About how many revocations the feed keeps.",
    whole(10_000, 100, 10_000_000, "lines"),
    { why: "A sidecar that falls behind by more loads everything again." },
  ),
  keyPrefix: about("The prefix of all keys.", text("a prefix for keys").default("revgate:")),
  connectTimeout: about("Max time to connect.", duration("2s", "10ms", "1m")),
  commandTimeout: about("Max time for an answer.", duration("1s", "10ms", "1m")),
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
