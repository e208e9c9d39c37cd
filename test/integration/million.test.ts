import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { filledName, fillRedis, patience } from "../helpers/redis.ts";
import { openStoreOn, startUsedRedis } from "../helpers/store.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const count = 200_000;

describe("a store of two hundred thousand entries", () => {
  it("is answered for correctly from the start, while it loads", {
    timeout: 115_000,
  }, async (t) => {
    const redis = await startUsedRedis(t);
    const expiresAt = Math.floor(Date.now() / 1000) + 100_000;
    const application = await startApplication(t);
    const grace = `grace: 300ms, ${patience}`;
    const yaml = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${grace} } }`;
    const first = await startGate(t, { upstream: application.url, yaml });
    await untilReady(first);
    const old = { token: makeToken() };
    const fresh = { token: makeToken() };
    assert.equal((await send(`${first.url}/logout`, { method: "POST", headers: old })).status, 200);
    await first.stop();
    await fillRedis(redis, count, expiresAt);

    const directory = temporaryDirectory(t);
    const startedMs = performance.now();
    const gate = await startGate(t, { upstream: application.url, yaml, directory });
    await untilReady(gate);
    const readyMs = performance.now() - startedMs;
    const entries = async () =>
      Number(
        /^revgate_denylist_entries (\d+)$/m.exec(
          (await send(`${gate.adminUrl}/metrics`)).text,
        )?.[1],
      );
    // Not loaded yet, and yet right.
    assert.ok((await entries()) < count);
    let answers = 0;
    await until(async () => {
      if ((await entries()) > count) return true;
      assert.equal((await send(`${gate.url}/me`, { headers: old })).json["error"], "token_revoked");
      const { status } = await send(`${gate.url}/me`, { headers: fresh });
      // On a busy machine it may be unable to tell for a moment, and says so.
      if (status !== 503) assert.equal(status, 200);
      answers += status === 200 ? 1 : 0;
      return false;
    });
    const loadedMs = performance.now() - startedMs;
    assert.ok(answers > 0);
    t.diagnostic(`ready after ${readyMs.toFixed()} ms, loaded after ${loadedMs.toFixed()} ms`);

    // Once more, with a journal that holds them all.
    await gate.stop();
    const again = performance.now();
    const { denylist } = await openStoreOn(t, redis.port, { dataDir: `${directory}/data` });
    const openMs = performance.now() - again;
    assert.equal(denylist.lookUp({ id: filledName(count - 1) }), "revoked");
    await until(() => denylist.lookUp({ id: filledName(count) }) === "live");
    t.diagnostic(`opened with a full journal after ${openMs.toFixed()} ms`);
  });
});
