import { spawn } from "node:child_process";
import { openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createObserver } from "../../src/gateway/observer.ts";
import { openLogOutput } from "../../src/observability/log-output.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { breakFiles } from "../helpers/broken-disk.ts";
import { startGate, type TestGate, untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { machineClock } from "../helpers/machine-clock.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

/** Something that goes wrong with a sidecar, and the alerts that it must raise. */
export interface Condition {
  readonly alerts: readonly string[];
  readonly gate: Pick<TestGate, "adminUrl">;
  /** Brings it about; alerts that need no more of it are there from the start if there is none. */
  readonly begin?: () => Promise<unknown> | unknown;
  /** What clients and others do meanwhile, again and again. */
  readonly go?: () => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
}

const post = (url: string, path: string, sent: { token?: string; body?: string } = {}) =>
  send(`${url}${path}`, {
    method: "POST",
    headers: {
      ...(sent.token !== undefined && { token: sent.token }),
      ...(sent.body !== undefined && {
        "content-type": sent.body.startsWith("{")
          ? "application/json"
          : "application/x-www-form-urlencoded",
      }),
    },
    ...(sent.body !== undefined && { body: sent.body }),
  });

async function metricIs({ adminUrl }: Condition["gate"], pattern: RegExp): Promise<boolean> {
  return pattern.test((await send(`${adminUrl}/metrics`)).text);
}

/** An issuer whose key set can't be fetched any more, events of another that never could, and wrong secrets. */
export async function issuerIsAway(t: TestContext, upstream: string): Promise<Condition> {
  let isAway = false;
  const server = createServer((_request, response) => {
    const keys = [{ ...keyPair.publicKey.export({ format: "jwk" }), kid: "known" }];
    response.writeHead(isAway ? 500 : 200).end(JSON.stringify({ keys }));
  });
  const issuer = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "admin-token"), "a-secret-of-the-admin");
  const clock = machineClock();
  const gate = await startGate(t, {
    ...{ upstream, directory, stopwatch: clock.stopwatch },
    yaml: `
tokens: { keys: [ { jwksUrl: "${issuer}/jwks" } ], jwks: { refresh: 1s, coolDown: 1s } }
admin: { host: 127.0.0.1, port: 0, tokenFile: admin-token }
signals: { transmitters: [ { issuer: "https://away", audience: a, keys: [ { jwksUrl: "http://127.0.0.1:1/keys" } ] } ] }
`,
  });
  const header = { kid: "unknown" };
  return {
    ...{ gate, stop: gate.stop },
    alerts: [
      "RevgateRefusesWithoutKeys",
      "RevgateKeySetOld",
      "RevgateSignalsFailed",
      "RevgateAdminStrangers",
    ],
    begin() {
      isAway = true;
      clock.pass(3 * 3600);
    },
    async go() {
      await send(`${gate.url}/me`, { headers: { token: makeToken({}, { header }) } });
      const typ = "secevent+jwt";
      const claims = { iss: "https://away", aud: "a", jti: "1", events: {} };
      await send(`${gate.adminUrl}/events`, {
        method: "POST",
        headers: { "content-type": "application/secevent+jwt" },
        body: makeToken(claims, { header: { ...header, typ } }),
      });
      // Prometheus divides by five minutes, however short it has looked.
      const headers = { authorization: "Bearer not-the-secret" };
      const attempt = () => send(`${gate.adminUrl}/revocations`, { headers });
      for (let burst = 0; burst < 5; burst += 1)
        await Promise.allSettled(Array.from({ length: 50 }, attempt));
    },
  };
}

/** A Redis that is away, with a logout that it does not know. */
export async function logoutsPend(t: TestContext, upstream: string): Promise<Condition> {
  const redis = await startRedis(t);
  const store = `url: "${redis.url}", whenUnavailable: serve-known`;
  const yaml = `denylist: { dataDir: data, holdTimeout: 1s, redis: { ${store} } }`;
  const gate = await startGate(t, { upstream, yaml });
  await untilReady(gate);
  return {
    ...{ gate, stop: gate.stop, alerts: ["RevgateLogoutsPending"] },
    begin: redis.kill,
    go: () => post(gate.url, "/logout", { token: makeToken() }),
  };
}

/** A Redis in which somebody else writes, and that then knows another password. */
export async function redisIsStrange(t: TestContext, upstream: string): Promise<Condition> {
  const redis = await startRedis(t);
  await redis.client.call("ACL", "SETUSER", "revgate", "on", ">sesame", "~revgate:*", "+@all");
  const url = `redis://revgate:sesame@127.0.0.1:${redis.port}`;
  const yaml = `denylist: { dataDir: data, redis: { url: "${url}" } }`;
  const gate = await startGate(t, { upstream, yaml });
  await untilReady(gate);
  return {
    ...{
      gate,
      stop: gate.stop,
      alerts: ["RevgateForeignData", "RevgateCutoffsAhead", "RevgateRedisRefuses"],
    },
    async begin() {
      await redis.client.xadd("revgate:feed", "*", "line", "what is this");
      const [name, soon] = ["a".repeat(43), Math.floor(Date.now() / 1000) + 100_000];
      const ahead = `sub ${name} ${soon + 100_000} ${soon}`;
      await redis.client.xadd("revgate:feed", "*", "line", ahead, "more", "-");
      await until(() => metricIs(gate, /^revgate_cutoffs_ahead_total [1-9]/m));
      await until(() => metricIs(gate, /revgate_ignored_total\{source="feed"\} [1-9]/));
      await redis.client.call("ACL", "SETUSER", "revgate", "resetpass", ">another");
      await redis.client.call("CLIENT", "KILL", "USER", "revgate");
    },
  };
}

/** A disk that takes nothing. */
export async function diskIsFull(t: TestContext, upstream: string): Promise<Condition> {
  const gate = await startGate(t, { upstream });
  const journal = join(gate.directory, "data/journal");
  return {
    ...{ gate, stop: gate.stop, alerts: ["RevgateJournalFailing"] },
    async begin() {
      const { ino } = statSync(journal);
      const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      await breakFiles(t, ["write", "datasync"], full, (file) => file.ino === ino);
    },
    go: () => post(gate.url, "/logout", { token: makeToken() }),
  };
}

/** A machine whose clock is set again and again, and whose files somebody tidies up. */
export async function machineIsWild(t: TestContext, upstream: string): Promise<Condition> {
  const clock = machineClock();
  const gate = await startGate(t, { upstream, stopwatch: clock.stopwatch });
  return {
    ...{ gate, stop: gate.stop, alerts: ["RevgateJournalLost", "RevgateClockSteps"] },
    async begin() {
      rmSync(join(gate.directory, "data/journal"));
      await until(() => metricIs(gate, /^revgate_journal_losses_total 1$/m));
      for (const [steps, ahead] of [3600, 0, 3600, 0].entries()) {
        clock.set(ahead);
        await until(() =>
          metricIs(gate, new RegExp(`^revgate_clock_steps_total ${steps + 1}$`, "m")),
        );
      }
    },
  };
}

/** An application that breaks off, and whose tokens and answers are not what the rules say; and a defect of ours. */
export async function applicationIsStrange(t: TestContext): Promise<Condition> {
  const application = await startApplication(t, (request, response) => {
    if (/broken|reset/.test(request.url ?? "")) request.socket.destroy();
    else response.end("{}");
  });
  const gate = await startGate(t, {
    upstream: application.url,
    yaml: `
limits: { unprovenRevocations: 2 }
routes:
  - { path: /password, revoke: subject }
  - { path: /reset, access: public, revoke: subject, subjectFrom: { requestJson: /user, onUnknownOutcome: keep } }
  - { path: /found, access: public, revoke: subject, subjectFrom: { responseHeader: x-user } }
  - { path: /oauth/revoke, access: public, from: [ { form: token } ], tokens: opaque, revoke: token }
`,
  });
  return {
    ...{ gate, stop: gate.stop },
    alerts: [
      "RevgateTokensWithoutSubject",
      "RevgateSubjectsKept",
      "RevgateSubjectsNotFound",
      "RevgateUnprovenRefused",
      "RevgateUncaughtErrors",
      "RevgateApplicationFailing",
    ],
    async begin() {
      await post(gate.url, "/reset", { body: '{"user":"alice"}' });
      await post(gate.url, "/found");
      await post(gate.url, "/password", { token: makeToken({ sub: undefined }) });
      for (let count = 0; count < 3; count += 1)
        await post(gate.url, "/oauth/revoke", { body: `token=made-up-${count}` });
      gate.reportUncaught(new Error("a defect that a test makes up"));
    },
    go: () => send(`${gate.url}/broken`, { headers: { token: makeToken() } }),
  };
}

/** A Redis that takes its time, for each request and behind each logout, and a sidecar that asks it each time. */
export async function redisIsSlow(t: TestContext): Promise<Condition> {
  const redis = await startRedis(t);
  const pause = (ms: number) => redis.client.call("CLIENT", "PAUSE", ms);
  let isSlow = false;
  const { url: upstream } = await startApplication(t, async (request, response) => {
    if (isSlow && request.url === "/logout") await pause(4000);
    response.end("ok");
  });
  const store = `url: "${redis.url}", reads: every-request, commandTimeout: 30s`;
  const yaml = `denylist: { dataDir: data, redis: { ${store} } }`;
  const gate = await startGate(t, { upstream, yaml });
  await untilReady(gate);
  return {
    ...{ gate, stop: gate.stop, alerts: ["RevgateSlowChecks", "RevgateSlowHolds"] },
    begin() {
      isSlow = true;
    },
    async go() {
      await pause(1000);
      await send(`${gate.url}/me`, { headers: { token: makeToken() } });
      await post(gate.url, "/logout", { token: makeToken() });
    },
  };
}

/** Somebody observes, with a log that goes to a full disk. */
export async function observes(t: TestContext, upstream: string): Promise<Condition> {
  const output = openLogOutput(openSync("/dev/full", "w"));
  const gate = await startGate(t, { upstream, output, observer: createObserver() });
  return {
    ...{ gate, stop: gate.stop, alerts: ["RevgateObserving", "RevgateLogLinesDropped"] },
    go: () => send(`${gate.url}/me`),
  };
}

/** A process that gets a fifth of what it needs. */
export async function isThrottled(t: TestContext, upstream: string): Promise<Condition> {
  const directory = temporaryDirectory(t);
  await writeConfig(directory, "", upstream);
  const gate = await startBuiltGate(t, join(directory, "revgate.yaml"));
  // By a process of its own: the test's may be short of CPU itself.
  const script =
    'while kill -STOP "$1" && sleep 0.4 && kill -CONT "$1"; do sleep 0.1; done 2> /dev/null';
  const pulse = spawn("sh", ["-c", script, "sh", String(gate.child.pid)]);
  t.after(() => pulse.kill("SIGKILL"));
  return { gate, stop: () => gate.end("SIGKILL"), alerts: ["RevgateEventLoop"] };
}
