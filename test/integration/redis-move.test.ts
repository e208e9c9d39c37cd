import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { check, type Event } from "../chaos/checker.ts";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { startRedis, type TestRedis } from "../helpers/redis.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { blocksOf, type StandIn, sectionOf, walk } from "../helpers/walk.ts";

const section = sectionOf("docs/runbook.md", "Move to another Redis");
const waysOf = (heading: string) =>
  blocksOf(section.split(/^#### /m).find((part) => part.startsWith(heading)) ?? "");

/** Two sidecars, each of which may be replaced by one with an empty data directory, as a pod is. */
async function startFleet(t: TestContext, old: TestRedis) {
  const { url: upstream } = await startApplication(t);
  const start = ({ port }: TestRedis) => {
    const address = `url: "redis://revgate:sesame@127.0.0.1:${port}"`;
    const yaml = `denylist: { dataDir: data, redis: { ${address}, commandTimeout: 10s, grace: 1s } }`;
    return startGate(t, { upstream, yaml });
  };
  const sidecars: TestGate[] = [await start(old), await start(old)];
  await Promise.all(sidecars.map(untilReady));
  const at = (index: number) => sidecars[index] ?? assert.fail();
  return {
    at,
    async replace(index: number, redis: TestRedis) {
      const [before, after] = [at(index), await start(redis)];
      sidecars[index] = after;
      await before.stop();
    },
  };
}

type Fleet = Awaited<ReturnType<typeof startFleet>>;

/** Clients that log in, come, log out at one sidecar and come again at both, until they are stopped. */
function startClients(fleet: Fleet) {
  const events: Event[] = [];
  const ended: { number: number; token: string }[] = [];
  let tokens = 0;
  let running = true;
  const ask = async (sidecar: number, kind: Event["kind"], number: number, token: string) => {
    const [path, method] = kind === "logout" ? ["/logout", "POST"] : ["/me", "GET"];
    const startedMs = performance.now();
    const status = await send(`${fleet.at(sidecar).url}${path}`, { method, headers: { token } })
      // One that is being replaced does not answer.
      .then(
        (reply) => reply.status,
        () => 0,
      );
    const outcome = status === 200 ? "allowed" : status === 401 ? "refused" : "failed";
    events.push({
      ...{ token: number, sidecar, kind },
      startedMs,
      endedMs: performance.now(),
      outcome,
    });
    return outcome;
  };
  const work = Promise.all(
    [0, 1].map(async (home) => {
      while (running) {
        tokens += 1;
        const [number, token] = [tokens, makeToken()];
        await ask(1 - home, "call", number, token);
        const logout = await ask(home, "logout", number, token);
        if (logout === "allowed") ended.push({ number, token });
        // A client that hears 503 tries again a little later; the others leave room for what they wait for.
        await sleep(logout === "allowed" ? 5 : 50);
        await ask(1 - home, "call", number, token);
        const earlier = ended[Math.floor(Math.random() * ended.length)];
        if (earlier !== undefined) await ask(home, "call", earlier.number, earlier.token);
      }
    }),
  );
  const violations = () => check({ events, blindness: [] });
  return {
    violations,
    /** Resolves when that many more logouts have been answered with a 2xx. */
    untilLogouts(count: number) {
      const target = ended.length + count;
      return until(() => ended.length >= target);
    },
    async stop() {
      running = false;
      await work;
    },
  };
}

/** Two servers that know revgate's user; the second is the one to move to. */
async function startServers(t: TestContext) {
  const quick = ["--repl-diskless-sync-delay", "0"];
  const servers = [await startRedis(t, quick), await startRedis(t, quick)] as const;
  for (const { client } of servers)
    await client.call("ACL", "SETUSER", "revgate", "on", ">sesame", "~revgate:*", "+@all");
  return servers;
}

/** Has a way of the runbook walked under traffic; its kubectl replaces the sidecars one at a time. */
async function move(t: TestContext, heading: string) {
  const [old, next] = await startServers(t);
  const fleet = await startFleet(t, old);
  const clients = startClients(fleet);
  t.after(clients.stop);
  await clients.untilLogouts(10);
  let isApplied = false;
  const done: string[] = [];
  const kubectl: StandIn = async ([verb = "", ...args]) => {
    done.push(verb);
    if (verb === "apply") isApplied = true;
    if (verb === "rollout" && args[0] === "restart") {
      for (const index of [0, 1]) {
        await fleet.replace(index, isApplied ? next : old);
        await untilReady(fleet.at(index));
      }
    }
    return "";
  };
  /** The machine of the new server: it starts with the file that it is given. */
  const restore: StandIn = async (args) => {
    const file = args[args.indexOf("--dbfilename") + 1] ?? "";
    assert.equal(args[args.indexOf("--appendonly") + 1], "no");
    await next.kill();
    copyFileSync(join(old.directory, file), join(next.directory, "dump.rdb"));
    await next.start();
    await next.client.call("ACL", "SETUSER", "revgate", "on", ">sesame", "~revgate:*", "+@all");
    return "";
  };
  await walk(t, waysOf(heading), {
    directory: old.directory,
    env: {
      OLD: old.url,
      ...{ NEW: next.url, OLD_HOST: "127.0.0.1", OLD_PORT: String(old.port) },
      ...{ NEW_HOST: "127.0.0.1", NEW_PORT: String(next.port) },
    },
    programs: { kubectl, "redis-server": restore },
  });
  assert.deepEqual(done, ["apply", "rollout", "rollout"]);
  await clients.untilLogouts(10);
  await clients.stop();
  return { clients, old, next };
}

// They wait most of the time.
describe("a move to another Redis", { concurrency: true }, () => {
  for (const way of ["With replication", "With a copy"]) {
    it(`lets no revoked token pass in the order of the runbook: ${way}`, async (t) => {
      const { clients, old, next } = await move(t, way);
      assert.deepEqual(clients.violations(), []);
      const usersOf = async ({ client }: TestRedis) =>
        String(await client.client("LIST")).split("user=revgate").length - 1;
      assert.equal(await usersOf(old), 0);
      assert.ok((await usersOf(next)) > 0);
    });
  }

  it("lets some pass where the sidecars go to an empty one, one at a time", async (t) => {
    const [old, next] = await startServers(t);
    const fleet = await startFleet(t, old);
    const clients = startClients(fleet);
    t.after(clients.stop);
    await clients.untilLogouts(10);
    await fleet.replace(0, next);
    await untilReady(fleet.at(0));
    await until(() => clients.violations().length > 0);
    await clients.stop();
  });
});
