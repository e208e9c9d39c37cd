import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { startRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { listContenders, prove } from "./contenders.ts";
import { cpuPerRequest } from "./load.ts";
import { endAll, run, script, start } from "./processes.ts";
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
