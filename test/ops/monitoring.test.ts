import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket, WebSocketServer } from "ws";
import { parse } from "yaml";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { exampleRoutes, startGate, type TestGate, untilReady } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { machineClock } from "../helpers/machine-clock.ts";
import { repository } from "../helpers/program.ts";
import { type Sample, startPrometheus } from "../helpers/prometheus.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";
import { grafanaDashboard } from "../tools/dashboard.ts";
import { findProgram } from "../tools/programs.ts";

const rulesFile = join(repository, "k8s/monitoring/revgate.rules.yaml");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}
const rules: Rule[] = parse(readFileSync(rulesFile, "utf8")).groups[0].rules;

const { panels } = grafanaDashboard() as {
  panels: { type: string; title: string; targets?: { expr: string }[] }[];
};
/** Every expression of the dashboard, its variables filled in as for all sidecars. */
const drawn = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    expr: expr
      .replaceAll("$job", ".*")
      .replaceAll("$instance", ".*")
      .replaceAll("$__rate_interval", "5s"),
  })),
);

function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(findProgram(["promtool"]), args, {
    input,
    encoding: "utf8",
    cwd: repository,
  });
  return { status, said: `${stdout}${stderr}` };
}

/** Two sidecars on one Redis, an application with everything, and a key set. */
async function startShop(t: TestContext) {
  const server = createServer((request, response) => {
    const keys = { keys: [keyPair.publicKey.export({ format: "jwk" })] };
    response.end(JSON.stringify(request.url === "/jwks" ? keys : {}));
  });
  new WebSocketServer({ server });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const redis = await startRedis(t);
  const yaml = `
tokens: { keys: [ { jwksUrl: "${upstream}/jwks" } ] }
denylist: { dataDir: data, redis: { url: "${redis.url}" } }
${exampleRoutes}  - { path: /reset, access: public, revoke: subject, subjectFrom: { responseHeader: x-user } }
`;
  const gates = [
    await startGate(t, { upstream, yaml }),
    await startGate(t, { upstream, yaml }),
  ] as const;
  await Promise.all(gates.map(untilReady));
  return { gates, redis };
}

/** Opens a WebSocket; again if a sidecar had to wait for the CPU for longer than Redis may take, and said 503. */
async function openChat(gate: TestGate, headers: Record<string, string>): Promise<WebSocket> {
  for (;;) {
    const socket = new WebSocket(`ws://127.0.0.1:${gate.port}/chat`, { headers });
    try {
      await once(socket, "open");
      return socket;
    } catch (error) {
      if (!/response: 503$/.test((error as Error).message)) throw error;
    }
  }
}

/** Some of everything that clients do. */
async function use(gate: TestGate): Promise<void> {
  const headers = { token: makeToken() };
  const socket = await openChat(gate, headers);
  for (let i = 0; i < 5; i += 1) await send(`${gate.url}/me`, { headers });
  await send(`${gate.url}/me`);
  await send(`${gate.url}/me`, { headers: { token: "nonsense" } });
  await send(`${gate.url}/logout`, { method: "POST", headers });
  await send(`${gate.url}/me`, { headers });
  await send(`${gate.url}/reset`, { method: "POST" });
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, "close");
}

/** Has clients do all of that, again and again, until told to stop. */
function keepBusy(gates: readonly TestGate[]): () => Promise<void> {
  let running = true;
  const traffic = (async () => {
    while (running) for (const gate of gates) await use(gate);
  })();
  return () => {
    running = false;
    return traffic;
  };
}

/** What comes of it; undefined if nothing does in a minute. */
function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  return Promise.race([work, sleep(60_000, undefined, { ref: false })]);
}

/** How many requests come here, and how long each takes, is a matter of the machine. */
const ofTheMachine = new Set([
  "RevgateInvalidTokens",
  "RevgateSlowChecks",
  "RevgateSlowHolds",
  "RevgateSignaturesWait",
  "RevgateEventLoop",
]);

/** An alert's expression so that it answers 0 or 1 where it has what it needs, in place of nothing. */
function withAnswer(expr: string): string {
  const asked = expr
    .replace(/^absent\((\w+)\) == 1$/, "1 - max($1)")
    .replace(/(>|==) ([\d.]+)\s*$/, "$1 bool $2");
  assert.notEqual(asked, expr);
  return asked;
}

describe("alerts", () => {
  it("are rules that Prometheus accepts", () => {
    const { status, said } = promtool(["check", "rules", rulesFile]);
    assert.equal(status, 0, said);
    assert.match(said, new RegExp(`${rules.length} rules found`));
  });

  it("fire when they should, and not otherwise", () => {
    const { status, said } = promtool(["test", "rules", "test/ops/rules.test.yaml"]);
    assert.equal(status, 0, said);
    const tests = readFileSync(join(repository, "test/ops/rules.test.yaml"), "utf8");
    // Each is tried twice: silent, and firing.
    for (const { alert } of rules)
      assert.equal(tests.split(`alertname: ${alert}`).length - 1 >= 2, true, alert);
  });

  it("have a section each in the runbook, and there is none for others", () => {
    const runbook = readFileSync(join(repository, "docs/runbook.md"), "utf8");
    const sections = [...runbook.matchAll(/^### (Revgate\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual(
      sections,
      rules.map(({ alert }) => alert),
    );
    for (const { alert, annotations } of rules)
      assert.equal(annotations["runbook"], `docs/runbook.md#${alert.toLowerCase()}`);
  });
});

describe("a real Prometheus", () => {
  it("accepts the metrics without a complaint", async (t) => {
    const { gates } = await startShop(t);
    await use(gates[0]);
    const { text } = await send(`${gates[0].adminUrl}/metrics`);
    const own = text.split("\n").filter((line) => /revgate_/.test(line));
    const { status, said } = promtool(["check", "metrics"], `${own.join("\n")}\n`);
    assert.equal(status, 0, said);
    assert.equal(said, "");
  });

  it("has an answer to every expression of the dashboard and of the alerts, none of which fires", async (t) => {
    const { gates } = await startShop(t);
    const prometheus = await startPrometheus(
      t,
      gates.map(({ adminUrl }) => adminUrl),
      rulesFile,
    );
    const stop = keepBusy(gates);
    await prometheus.until("count(up == 1)", ([sample]) => sample?.value[1] === "2");
    const isAnswer = (samples: readonly Sample[]) =>
      samples.length > 0 && samples.every(({ value }) => value[1] !== "NaN");
    assert.ok(drawn.length > 30);
    for (const { title, expr } of drawn) {
      assert.ok(await inTime(prometheus.until(expr, isAnswer)), `${title}: ${expr}`);
    }
    for (const { alert, expr } of rules) {
      // A reset that names nobody is among what clients do here.
      const expected = alert === "RevgateSubjectsNotFound" ? "1" : "0";
      const suits = ([sample]: readonly Sample[]) =>
        sample?.value[1] === expected || (sample !== undefined && ofTheMachine.has(alert));
      // A scrape may have come in the middle of a logout, or have found a sidecar that had just stood still.
      assert.ok(await inTime(prometheus.until(withAnswer(expr), suits)), alert);
    }
    await stop();
  });

  it("sees what happens: refusals while Redis is away, a configuration that is wrong", async (t) => {
    const { gates, redis } = await startShop(t);
    const [gate] = gates;
    const prometheus = await startPrometheus(t, [gate.adminUrl], rulesFile);
    await prometheus.until("revgate_redis_up", ([sample]) => sample?.value[1] === "1");
    const headers = { token: makeToken() };
    await redis.kill();
    let running = true;
    const traffic = (async () => {
      while (running) await send(`${gate.url}/me`, { headers });
    })();
    await gate.reload(async () => {
      throw new Error("wrong");
    });
    const pending = async (alert: string) =>
      (await prometheus.alerts()).some(({ labels }) => labels["alertname"] === alert);
    for (const alert of [
      "RevgateRefusesWithoutStore",
      "RevgateMemoryUnproven",
      "RevgateConfigRejected",
    ])
      while (!(await pending(alert))) await sleep(200);
    running = false;
    await traffic;
  });

  it("sees conditions without a request, and holds as long as they do", async (t) => {
    const application = await startApplication(t, () => {});
    const upstream = application.url;
    const redis = await startRedis(t);
    const shared = `denylist: { dataDir: data, redis: { url: "${redis.url}" } }`;
    const [alone, gone] = [
      await startGate(t, { upstream, yaml: shared }),
      await startGate(t, { upstream }),
    ];
    await untilReady(alone);
    const clock = machineClock();
    const directory = temporaryDirectory(t);
    makeCertificate(directory);
    const secured = await startGate(t, {
      ...{ upstream, directory, stopwatch: clock.stopwatch, scheme: "https" },
      yaml: "listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }",
    });
    const busy = await startGate(t, {
      yaml: `upstream: { url: "${upstream}", maxConnections: 1, queueTimeout: 5m, responseTimeout: 5m }`,
      upstream,
    });
    // The application answers none of them: one has the connection, two wait for it.
    for (let i = 0; i < 3; i += 1) {
      const raw = await openRaw(t, busy.port);
      raw.write(`GET /me HTTP/1.1\r\nHost: shop\r\ntoken: ${makeToken()}\r\n\r\n`);
    }
    await until(async () => {
      const { text } = await send(`${busy.adminUrl}/metrics`);
      return /^revgate_upstream_queue 2$/m.test(text);
    });
    const gates = [alone, gone, secured, busy];
    const prometheus = await startPrometheus(
      t,
      gates.map(({ adminUrl }) => adminUrl),
      rulesFile,
    );
    await prometheus.until("count(up == 1)", ([sample]) => sample?.value[1] === "4");
    await redis.kill();
    await gone.stop();
    clock.set(3600);
    const seen = new Set<string>();
    const look = async () => {
      const active = (await prometheus.alerts()).map(
        ({ labels }) => `${labels["alertname"]} ${labels["instance"]}`,
      );
      for (const each of active) seen.add(each);
      return active;
    };
    const named = ([alert, { adminUrl }]: readonly [string, TestGate]) =>
      `${alert} ${new URL(adminUrl).host}`;
    const expected = [
      ["RevgateRefusesWithoutStore", alone],
      ["RevgateMemoryUnproven", alone],
      ["RevgateNotReady", alone],
      ["RevgateDown", gone],
      ["RevgateCertificateEnds", secured],
      ["RevgateClockInDoubt", secured],
      ["RevgateApplicationQueue", busy],
    ] as const;
    await until(async () => {
      await look();
      return expected.every((each) => seen.has(named(each)));
    });
    // A clock that stays where it is will be believed. All else lasts, though not one request comes.
    const lasting = expected.filter(([alert]) => alert !== "RevgateClockInDoubt").map(named);
    // One may be away for a moment, if a scrape took longer than a second. One that resolves stays away.
    for (let i = 0; i < 5; i += 1) {
      await sleep(1000);
      await until(async () => {
        const active = await look();
        return lasting.every((each) => active.includes(each));
      });
    }
    await redis.start();
    await until(async () => !(await look()).includes(named(expected[0])));
  });

  it("sees what clients cause: forged tokens that wait, and a login whose token is dead", async (t) => {
    const handedOut = makeToken();
    const application = await startApplication(t, (_request, response) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ token: handedOut }));
    });
    const gate = await startGate(t, {
      upstream: application.url,
      yaml: `limits: { signatureCheckShare: 50 }
log: { requests: none }
routes:
  - { path: /login, access: public, handsOut: [ { responseJson: /token } ] }
  - { path: /logout, revoke: token }
`,
    });
    const prometheus = await startPrometheus(t, [gate.adminUrl], rulesFile);
    await prometheus.until("count(up == 1)", ([sample]) => sample?.value[1] === "1");
    await send(`${gate.url}/logout`, { method: "POST", headers: { token: handedOut } });
    await send(`${gate.url}/login`, { method: "POST" });
    let running = true;
    const [head, payload, signature = ""] = makeToken().split(".");
    let sent = 0;
    const flood = Promise.all(
      Array.from({ length: 64 }, async () => {
        while (running) {
          const number = String(sent).padStart(16, "0");
          sent += 1;
          const token = `${head}.${payload}.${number}${signature.slice(16)}`;
          await send(`${gate.url}/me`, { headers: { token } });
        }
      }),
    );
    const wanted = ["RevgateRevokedHandedOut", "RevgateInvalidTokens", "RevgateSignaturesWait"];
    await until(async () => {
      const active = (await prometheus.alerts()).map(({ labels }) => labels["alertname"]);
      return wanted.every((name) => active.includes(name));
    });
    running = false;
    await flood;
  });
});
