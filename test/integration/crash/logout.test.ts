import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { scripts } from "../../../src/denylist/redis/scripts.ts";
import { startApplication } from "../../helpers/application.ts";
import { isLong } from "../../helpers/form.ts";
import { type GateOptions, startGate, writeConfig } from "../../helpers/gate.ts";
import { send } from "../../helpers/http.ts";
import { repository, startBuiltGate } from "../../helpers/program.ts";
import { patience } from "../../helpers/redis.ts";
import { startUsedRedis } from "../../helpers/store.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { until } from "../../helpers/until.ts";

const preload = join(repository, "test/integration/crash/fault-points.mjs");

/** What was seen of one logout during which revgate died at a boundary (or, at 0, did not). */
interface Logout {
  /** The names of the boundaries passed, in order. */
  readonly boundaries: readonly string[];
  readonly answered2xx: boolean;
  readonly clientSaw2xx: boolean;
  /** Whether the token is refused after a restart; false if the application never answered 2xx. */
  readonly revoked: boolean;
}

/**
 * Of what goes to Redis (all of it begins with `*`), only what carries a revocation is on the way of a
 * logout: a sidecar follows, watches and says that it is there all the while.
 */
const allButRevocations = `^\\*(?![^]*${createHash("sha1").update(scripts.put).digest("hex")})`;

async function logOutDyingAt(t: TestContext, at: number, denylist: string): Promise<Logout> {
  const directory = temporaryDirectory(t);
  let answered2xx = false;
  const application = await startApplication(t, (request, response) => {
    // Before the bytes go out: a 2xx that came before the kill is one that may have been sent.
    if (request.url === "/logout") answered2xx = true;
    response.end("ok");
  });
  const yaml = `${denylist}\nlog: { requests: none }`;
  await writeConfig(directory, yaml, application.url);
  const config = join(directory, "revgate.yaml");
  const [arm, log] = [join(directory, "armed"), join(directory, "boundaries")];
  writeFileSync(log, "");
  const env = {
    NODE_OPTIONS: `--import ${preload}`,
    FAULT_ARM: arm,
    FAULT_AT: String(at),
    FAULT_LOG: log,
    FAULT_IGNORE: allButRevocations,
  };
  const first = await startBuiltGate(t, config, env);
  const headers = { token: makeToken() };
  await until(async () => (await send(`${first.url}/me`, { headers })).status !== 503);
  writeFileSync(arm, "");
  const reply = await send(`${first.url}/logout`, { method: "POST", headers }).catch(
    () => undefined,
  );
  await first.end("SIGKILL");

  return {
    boundaries: readFileSync(log, "utf8").trim().split("\n"),
    answered2xx,
    clientSaw2xx: reply?.status === 200,
    // If the application never said yes, nothing is promised.
    revoked:
      answered2xx &&
      (await isRevokedAfterRestart(t, { directory, yaml, upstream: application.url }, headers)),
  };
}

/** The one that is started again is in this process: only the one that dies has to have one of its own. */
async function isRevokedAfterRestart(
  t: TestContext,
  options: GateOptions,
  headers: Record<string, string>,
): Promise<boolean> {
  const second = await startGate(t, options);
  let status = 503;
  await until(async () => {
    ({ status } = await send(`${second.url}/me`, { headers }));
    return status !== 503;
  });
  await second.stop();
  return status === 401;
}

/**
 * The numbers of the boundaries that leave something of their own behind: what is there behind an effect is
 * there before the next one, too, if nothing else is under way.
 */
function distinctIn(names: readonly string[]): number[] {
  return names.flatMap((name, index) => {
    const isLeft =
      name.startsWith("after ") && names[index - 1] === name.replace("after", "before");
    return isLeft && names[index + 1]?.startsWith("before ") ? [] : [index + 1];
  });
}

/** Two at a time: each is mostly waiting for processes to start. */
async function atEach(
  boundaries: readonly number[],
  run: (at: number) => Promise<void>,
): Promise<void> {
  const numbers = [...boundaries];
  const next = async (): Promise<void> => {
    for (let at = numbers.shift(); at !== undefined; at = numbers.shift()) await run(at);
  };
  await Promise.all([next(), next()]);
}

async function dieEverywhere(t: TestContext, denylist: string, expected: RegExp[]): Promise<void> {
  const whole = await logOutDyingAt(t, 0, denylist);
  assert.deepEqual(
    { ...whole, boundaries: [] },
    { boundaries: [], answered2xx: true, clientSaw2xx: true, revoked: true },
  );
  const names = whole.boundaries.map((line) => line.replace(/^\d+ /, ""));
  for (const name of expected)
    assert.ok(
      names.some((each) => name.test(each)),
      String(name),
    );
  t.diagnostic(`${names.length} boundaries: ${names.join(", ")}`);

  const tried = isLong ? names.map((_, index) => index + 1) : distinctIn(names);
  let unseen = 0;
  await atEach(tried, async (at) => {
    const logout = await logOutDyingAt(t, at, denylist);
    const where = `died ${names[at - 1]} (${at}): ${JSON.stringify(logout)}`;
    if (logout.clientSaw2xx) assert.ok(logout.revoked, where);
    if (logout.answered2xx) assert.ok(logout.revoked, where);
    if (!logout.clientSaw2xx) unseen += 1;
  });
  // The kills did hit: most of the logouts were never answered.
  assert.ok(unseen > tried.length / 2, `${unseen} of ${tried.length} unanswered`);
}

describe("SIGKILL at every boundary of a logout", () => {
  it("loses no revocation in the embedded store", { timeout: 200_000 }, async (t) => {
    assert.ok(existsSync(preload));
    await dieEverywhere(t, "denylist: { dataDir: data }", [/write/, /datasync/, /send/]);
  });

  it("loses no revocation with Redis", { timeout: 200_000 }, async (t) => {
    const redis = await startUsedRedis(t);
    const denylist = `denylist: { dataDir: data, redis: { url: "${redis.url}", ${patience}, grace: 300ms } }`;
    await dieEverywhere(t, denylist, [/write/, /datasync/, /send/]);
  });
});
