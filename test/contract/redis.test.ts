import { before, describe, type TestContext } from "node:test";
import type { SharedDenylistOptions } from "../../src/denylist/shared-options.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { endWithAll } from "../helpers/shared.ts";
import { openReady } from "../helpers/store.ts";
import { copyOf, temporaryDirectory } from "../helpers/temporary.ts";
import { describeDenylist } from "./denylist-suite.ts";

let redis: TestRedis;

/** A sidecar's denylist on the shared Redis; a new data directory is another sidecar. */
async function openSidecar(
  t: TestContext,
  dataDir: string,
  keyPrefix: string,
  reads: SharedDenylistOptions["reads"],
) {
  const store = { dataDir, redis: { keyPrefix, graceMs: 100, stalenessMs: 50 } };
  const { denylist } = await openReady(t, redis.port, { ...store, denylist: { reads } });
  return denylist;
}

let serial = 0;
function freshPrefix(): string {
  serial += 1;
  // With characters that mean something in a pattern of SCAN.
  return `test${process.pid}.${serial}[*]:`;
}

describe("a denylist on Redis", () => {
  const ending = endWithAll();
  before(async () => {
    redis = await startRedis(ending);
  });

  for (const reads of ["local", "every-request"] as const) {
    describeDenylist(`redis (${reads})`, {
      async open(t) {
        const keyPrefix = freshPrefix();
        const dataDir = temporaryDirectory(t);
        return {
          denylist: await openSidecar(t, dataDir, keyPrefix, reads),
          reopen: () => openSidecar(t, copyOf(t, dataDir), keyPrefix, reads),
        };
      },
    });

    describeDenylist(`redis (${reads}), reopened by another sidecar that has only Redis,`, {
      async open(t) {
        const keyPrefix = freshPrefix();
        return {
          denylist: await openSidecar(t, temporaryDirectory(t), keyPrefix, reads),
          reopen: () => openSidecar(t, temporaryDirectory(t), keyPrefix, reads),
        };
      },
    });
  }
});
