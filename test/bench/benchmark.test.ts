import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { listContenders, prove } from "./contenders.ts";
import { cpuPerRequest } from "./load.ts";
import { endAll, makeDirectory, run, runScript, script, start } from "./processes.ts";
import { names } from "./protocol-contenders.ts";
import { measureProtocols } from "./protocols.ts";
import { renderReport } from "./report.ts";

/** The short form of `npm run bench`: everybody does the work, and is measured; how fast is not asked here. */
describe("the benchmark", () => {
  after(endAll);

  it("has contenders that refuse what they must, and measures what they take", async () => {
    const application = await start(1, script("contenders/application"));
    const redis = await startRedis(run);
    const contenders = listContenders({ upstream: application.url, redis });
    const token = makeToken();
    for (const contender of contenders) {
      const started = await contender.start();
      await prove(contender, started, token);
      if (contender.name === "revgate, Redis local") {
        const sent = { amount: 1000, tokens: [token], expected: 200 } as const;
        assert.ok((await cpuPerRequest(started, sent)) > 0);
      }
      await started.stop();
    }
    assert.ok(contenders.length >= 7);
  });

  it("has HTTP/2, gRPC and the gateways' port answered as they must, beside plain proxies", async () => {
    const plan = { rounds: 1, warmUp: 64, measured: 64 };
    const { figures, verdicts } = await measureProtocols(makeToken(), plan);
    const rows = figures.rows.map(([name = ""]) => name.replace(/:.*/, ""));
    const proxies = ["nginx", "HAProxy", "nghttpx", "nginx, grpc_pass"];
    assert.deepEqual(
      new Set(rows),
      new Set([...Object.values(names), ...proxies]),
      "measured, or named as missing",
    );
    const promised = verdicts.flatMap(({ target }) => (target === undefined ? [] : [target]));
    assert.deepEqual(promised, [{ most: 1.3 }, { most: 2 }, { most: 0.6 }, { most: 0.6 }]);
  });

  it("tells how long turns of the event loop take while a store is at work", async () => {
    const turns = await runScript([...script("turns"), "compact", makeDirectory()]);
    assert.ok((turns["longest"] ?? 0) > 0);
    assert.ok((turns["p99"] ?? 0) <= (turns["longest"] ?? 0));
  });

  it("says what it has measured, with versions", () => {
    const report = renderReport([]);
    assert.ok(report.includes(`Node ${process.version}`));
    assert.match(
      report,
      /undici \d+\.\d+\.\d+, http-proxy \d+\.\d+\.\d+, .*, redis-server \d+\.\d+/,
    );
  });

  it("does not measure a contender that lets through what it must not", async () => {
    const application = await start(1, script("contenders/application"));
    const contender = { name: "nobody", checks: true, start: async () => application };
    await assert.rejects(prove(contender, application, makeToken()), /no token is answered 200/);
  });
});
