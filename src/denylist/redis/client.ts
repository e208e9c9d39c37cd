import { type ConnectionOptions, createSecureContext, type SecureContext } from "node:tls";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { trustedBesides } from "../../platform/trusted-certificates.ts";

/** A host and a port. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Which of the three ways to run Redis, and where. */
export type RedisTopology =
  | { readonly kind: "single"; readonly address: RedisAddress; readonly database: number }
  | {
      readonly kind: "sentinel";
      readonly primary: string;
      readonly sentinels: readonly RedisAddress[];
      readonly username: string | undefined;
      readonly password: string | undefined;
      readonly database: number;
    }
  | { readonly kind: "cluster"; readonly nodes: readonly RedisAddress[] };

/** What TLS to Redis goes by; certificates and keys in PEM. */
export interface RedisTls {
  /** Whom to trust besides the system's authorities. */
  readonly ca: Buffer | undefined;
  /** The certificate by which this client is known, and its key. */
  readonly certificate: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** The name that each server's certificate has to have; undefined: the one that it is reached by. */
  readonly serverName: string | undefined;
}

/** What may change while revgate runs. */
export interface RedisSecrets {
  readonly password: string | undefined;
  /** TLS to servers and sentinels. */
  readonly tls: RedisTls | undefined;
  /** Of sentinels, the password. */
  readonly topology: RedisTopology;
}

/** How to reach Redis, and how long it may take. */
export interface RedisConnectionOptions extends RedisSecrets {
  readonly username: string | undefined;
  readonly connectTimeoutMs: number;
  /** How long a command may take before Redis counts as unavailable. */
  readonly commandTimeoutMs: number;
  /** What Redis calls the connection, in CLIENT LIST. */
  readonly name?: string;
  /** Tells Redis nothing of this client, and asks nothing of it before it counts as connected. */
  readonly silent?: boolean;
  /** Told when the connection comes up, and when it goes or can't be made (the error, if there is one). */
  readonly onConnection?: (up: boolean, error: Error | undefined) => void;
}

/** A client of ioredis, and how it learns of secrets that change. */
export interface RedisClient {
  readonly client: Redis | Cluster;
  /** Uses other passwords, certificates and keys from the next connection on. */
  readonly adopt: (secrets: RedisSecrets) => void;
  readonly close: () => void;
}

const firstReconnectDelayMs = 50;
const maxReconnectDelayMs = 1000;
/** How long a command waits that a node of a Cluster sends to another. */
const movedDelayMs = 20;
/** How often a Cluster is asked which node has which slots. */
const slotsEveryMs = 1000;
/** How long a server that hangs has to say good-bye. */
export const disconnectTimeoutMs = 100;

/** Makes a client, which connects by itself and goes on doing so. */
export function openClient(options: RedisConnectionOptions): RedisClient {
  // One object, which ioredis looks into at each connection.
  const tls = options.tls && tlsOptions(options.tls);
  const client = connect(options, tls);
  let { password } = options;
  const usePassword = (node: Redis) => {
    if (password === undefined) delete node.options.password;
    else node.options.password = password;
  };
  const refresh = client instanceof Cluster ? refreshSlots(client) : undefined;
  const stayClosed = client instanceof Redis ? connectAgain(client) : undefined;
  // Those that join later have been made with the first one.
  if (client instanceof Cluster) client.on("+node", usePassword);
  return {
    client,
    adopt(next) {
      if (tls && next.tls) Object.assign(tls, tlsOptions(next.tls));
      password = next.password;
      for (const node of client instanceof Cluster ? client.nodes("all") : [client])
        usePassword(node);
      const { topology } = next;
      if (client instanceof Redis && topology.kind === "sentinel") {
        Object.assign(client.options, { sentinelPassword: topology.password ?? null });
      }
    },
    close() {
      clearInterval(refresh);
      stayClosed?.();
      client.disconnect();
    },
  };
}

function connect(
  options: RedisConnectionOptions,
  tls: ConnectionOptions | undefined,
): Redis | Cluster {
  const { topology } = options;
  const common = { ...commonOptions(options), ...defined({ tls }) };
  switch (topology.kind) {
    case "single":
      return new Redis({ ...common, ...topology.address, db: topology.database });
    case "sentinel":
      return new Redis({
        ...common,
        db: topology.database,
        name: topology.primary,
        sentinels: [...topology.sentinels],
        ...defined({ sentinelUsername: topology.username, sentinelPassword: topology.password }),
        // Then the next one is asked.
        sentinelCommandTimeout: options.commandTimeoutMs,
        sentinelRetryStrategy: reconnectDelay,
        sentinelReconnectStrategy: reconnectDelay,
        // Leaves a primary as soon as a sentinel says that there is another.
        failoverDetector: true,
        ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
      });
    case "cluster": {
      const { retryStrategy, enableOfflineQueue, ...redisOptions } = common;
      return new Cluster([...topology.nodes], {
        enableOfflineQueue: false,
        clusterRetryStrategy: reconnectDelay,
        clusterNodeRetryStrategy: reconnectDelay,
        slotsRefreshInterval: 0,
        // By name, as they were given: with TLS, the certificate has no address.
        dnsLookup: (address, callback) => callback(null, address),
        retryDelayOnFailover: 50,
        // Nodes that send a command to each other for ever get few of it.
        retryDelayOnMoved: movedDelayMs,
        maxRedirections: 8,
        redisOptions,
      });
    }
  }
}

/**
 * Connects again after an end that was not meant; returns what stops that.
 *
 * If a sentinel tells of another primary just when a client asks it for the primary, ioredis takes that for the wish
 * to close, and would never connect again.
 */
function connectAgain(redis: Redis): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onEnd = () => {
    timer = setTimeout(() => redis.connect().catch(() => {}), firstReconnectDelayMs);
  };
  redis.on("end", onEnd);
  return () => {
    redis.off("end", onEnd);
    clearTimeout(timer);
  };
}

/**
 * Not left to ioredis: a refresh that is in progress when it is closed sets its timer anew, and then it goes
 * on for ever.
 */
function refreshSlots(cluster: Cluster): NodeJS.Timeout {
  return setInterval(() => cluster.refreshSlotsCache(), slotsEveryMs).unref();
}

function commonOptions(options: RedisConnectionOptions): Omit<RedisOptions, "replyMapping"> {
  const { username, password, connectTimeoutMs, name, topology, silent = false } = options;
  return {
    ...defined({ username, password, connectionName: name }),
    disableClientInfo: silent,
    // A server that sentinels name is asked whether it is the primary.
    enableReadyCheck: !silent || topology.kind === "sentinel",
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: disconnectTimeoutMs,
    // Fail at once rather than queue: the request that waits is answered 503 and comes again.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    // What every Redis and every stand-in for it speaks; nothing here needs more.
    protocol: 2,
    retryStrategy: reconnectDelay,
  };
}

const contexts = new WeakMap<RedisTls, SecureContext>();

function tlsOptions(tls: RedisTls): ConnectionOptions {
  const { ca, certificate, serverName } = tls;
  // Once: to read the authorities takes tens of milliseconds, and there is a connection every second.
  const secureContext =
    contexts.get(tls) ??
    createSecureContext({ ...(ca && { ca: trustedBesides(ca) }), ...certificate });
  contexts.set(tls, secureContext);
  return { secureContext, ...(serverName === undefined ? {} : { servername: serverName }) };
}

function reconnectDelay(attempt: number): number {
  return Math.min(firstReconnectDelayMs * 2 ** Math.min(attempt, 10), maxReconnectDelayMs);
}

/** Without what is undefined: ioredis takes such a property for a setting. */
function defined<T extends object>(settings: T): { [Key in keyof T]?: NonNullable<T[Key]> } {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as { [Key in keyof T]?: NonNullable<T[Key]> };
}
