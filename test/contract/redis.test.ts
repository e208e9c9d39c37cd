import { after, before, type TestContext } from "node:test";
import { openEmbeddedDenylist } from "../../src/denylist/embedded-denylist.ts";
import { RedisReplica } from "../../src/denylist/redis-replica.ts";
import { SharedDenylist } from "../../src/denylist/shared-denylist.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { describeDenylist } from "./denylist-suite.ts";

let redis: TestRedis;
const cleanups: (() => unknown)[] = [];

before(async () => {
  redis = await startRedis({ after: (cleanup) => void cleanups.push(cleanup as () => unknown) });
});
after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** A sidecar's denylist on the shared Redis; a new data directory is another sidecar. */
async function openSidecar(t: TestContext, dataDir: string, keyPrefix: string) {
  const local = await openEmbeddedDenylist({
    dataDir,
    clock: systemClock,
    onUnknownOutcome: "revoke",
  });
  const replica = new RedisReplica({
    url: redis.url,
    password: undefined,
    ca: undefined,
    keyPrefix,
    connectTimeoutMs: 5000,
    commandTimeoutMs: 5000,
    clock: systemClock,
  });
  const denylist = new SharedDenylist({
    local,
    replica,
    clock: systemClock,
    whenUnavailable: "deny",
  });
  t.after(() => denylist.close());
  await new Promise<void>((resolve) => replica.onReady(resolve));
  return denylist;
}

let serial = 0;
function freshPrefix(): string {
  serial += 1;
  // With characters that mean something in a pattern of SCAN.
  return `test${process.pid}.${serial}[*]:`;
}

describeDenylist("redis", {
  async open(t) {
    const keyPrefix = freshPrefix();
    const dataDir = temporaryDirectory(t);
    return {
      denylist: await openSidecar(t, dataDir, keyPrefix),
      reopen: () => openSidecar(t, dataDir, keyPrefix),
    };
  },
});

describeDenylist("redis, reopened by another sidecar that has only Redis,", {
  async open(t) {
    const keyPrefix = freshPrefix();
    return {
      denylist: await openSidecar(t, temporaryDirectory(t), keyPrefix),
      reopen: () => openSidecar(t, temporaryDirectory(t), keyPrefix),
    };
  },
});
