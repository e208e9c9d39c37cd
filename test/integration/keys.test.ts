import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemStopwatch } from "../../src/platform/clock.ts";
import { RemoteKeys, type RemoteKeysOptions } from "../../src/token/keys/remote-keys.ts";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, type TestGate, untilReady, writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { type Key, makeKey, sign, startIssuer } from "../helpers/issuer.ts";
import { nextKeyPair } from "../helpers/key-pairs.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

async function startFor(t: TestContext, tokens: string): Promise<TestGate> {
  const application = await startApplication(t);
  return startGate(t, { upstream: application.url, yaml: `tokens:\n${tokens}` });
}

const jwks = (url: string, more = "coolDown: 1s") =>
  `  keys: [ { jwksUrl: "${url}" } ]\n  jwks: { ${more} }`;

async function answerFor({ url }: TestGate, token: string): Promise<string> {
  const reply = await send(`${url}/me`, { headers: { token } });
  return reply.status === 200 ? "200" : `${reply.status} ${reply.json["error"]}`;
}

/** Keys as an issuer publishes them. */
function setOf(...keys: Key[]): string {
  const set = keys.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: "jwk" }), kid }));
  return JSON.stringify({ keys: set });
}

/** A forward proxy that knows CONNECT alone (RFC 9110 section 9.3.6), and remembers whereto it led. */
async function startProxy(t: TestContext) {
  const led: string[] = [];
  const server = createServer((_request, response) => response.writeHead(405).end());
  server.on("connect", (request, socket) => {
    const [host, port] = (request.url ?? "").split(":");
    led.push(request.url ?? "");
    const target = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.pipe(socket).pipe(target);
    });
    target.on("error", () => socket.destroy());
    socket.on("error", () => target.destroy());
  });
  return { url: `http://127.0.0.1:${await listenOnLoopback(t, server)}`, led };
}

/** The keys of a set, fetched without a gate, and again only if a test has that done. */
function fetchKeys(t: TestContext, url: string, more: Partial<RemoteKeysOptions> = {}): RemoteKeys {
  const keys = new RemoteKeys({
    url: new URL(url),
    algorithms: ["RS256"],
    ...{ timeoutMs: 5000, maxBytes: 4096, refreshMs: 3_600_000, coolDownMs: 0 },
    maxAgeMs: 3_600_000,
    onFetch() {},
    ...more,
  });
  t.after(() => keys.close());
  return keys;
}

describe("a published key set behind a certificate authority of its own", () => {
  it("is fetched with caFile, through a proxy too, and not without", async (t) => {
    const directory = temporaryDirectory(t);
    const key = makeKey("a");
    const server = createTlsServer(makeCertificate(directory), (_request, response) =>
      response.end(setOf(key)),
    );
    const url = `https://127.0.0.1:${await listenOnLoopback(t, server)}/jwks`;
    const proxy = await startProxy(t);
    const tokens = (more: string, fetching: string) =>
      `  keys: [ { jwksUrl: "${url}"${more} } ]\n  jwks: { coolDown: 1s${fetching} }`;

    const stranger = await startFor(t, tokens("", ""));
    assert.equal(await answerFor(stranger, sign(key)), "503 keys_unavailable");
    assert.match(stranger.logged(), /self-signed certificate/);
    assert.equal(
      await answerFor(await startFor(t, tokens(`, caFile: ${directory}/cert.pem`, "")), sign(key)),
      "200",
    );
    assert.deepEqual(proxy.led, []);
    const through = tokens(`, caFile: ${directory}/cert.pem`, `, proxy: "${proxy.url}"`);
    assert.equal(await answerFor(await startFor(t, through), sign(key)), "200");
    assert.deepEqual(proxy.led, [new URL(url).host]);
  });
});

describe("a key set in a file", () => {
  it("is used, and read again when it changes", async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, "jwks.json");
    const [old, next] = [makeKey("old"), makeKey("next")];
    writeFileSync(file, setOf(old));
    const gate = await startFor(t, `  keys: [ { jwksFile: ${file} } ]`);
    assert.equal(await answerFor(gate, sign(old)), "200");
    assert.equal(await answerFor(gate, sign(next)), "401 token_invalid");
    writeFileSync(`${file}.new`, setOf(next));
    renameSync(`${file}.new`, file);
    await until(async () => (await answerFor(gate, sign(next))) === "200");
    assert.equal(await answerFor(gate, sign(old)), "401 token_invalid");
  });
});

describe("a published key set", () => {
  it("serves tokens that name no key, and says which of its keys are left out", async (t) => {
    const issuer = await startIssuer(t);
    const key = makeKey("a");
    issuer.answer = (response) => {
      const { keys } = JSON.parse(setOf(key)) as { keys: object[] };
      response.end(JSON.stringify({ keys: [{ kty: "oct", k: "AA", kid: "odd" }, ...keys] }));
    };
    const gate = await startFor(t, jwks(issuer.url));
    assert.equal(await answerFor(gate, makeToken({}, { key: key.privateKey })), "200");
    const stranger = makeToken({}, { key: makeKey("b").privateKey });
    assert.equal(await answerFor(gate, stranger), "401 token_invalid");
    assert.match(gate.logged(), /"leftOut":\["kid \\"odd\\": kty \\"oct\\" is not supported/);
  });

  it("is rotated while requests come, and none is wrongly refused", async (t) => {
    const first = makeKey("k0");
    let token = sign(first);
    const issuer = await startIssuer(t, first);
    const gate = await startFor(t, jwks(issuer.url, "coolDown: 100ms"));
    let running = true;
    const answers = new Map<string, number>();
    const traffic = Array.from({ length: 4 }, async () => {
      while (running) {
        const answer = await answerFor(gate, token);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    });
    for (let i = 1; i <= 3; i += 1) {
      const next = makeKey(`k${i}`);
      // As issuers do: published, then used.
      issuer.keys = [...issuer.keys, next].slice(-2);
      token = sign(next);
      const before = answers.get("200") ?? 0;
      while ((answers.get("200") ?? 0) < before + 20) await answerFor(gate, token);
      // The next one is asked for again only after the cool-down.
      const readMs = performance.now();
      while (performance.now() < readMs + 150) await answerFor(gate, token);
    }
    running = false;
    await Promise.all(traffic);
    // A machine that is too busy may have it asked again (503), and must not refuse it.
    const refusals = [...answers.keys()].filter((answer) => answer.startsWith("401"));
    assert.deepEqual(refusals, []);
    assert.ok(issuer.fetches <= 8, `${issuer.fetches} fetches`);
    // Keys that are gone are worth nothing, whatever was remembered.
    assert.equal(await answerFor(gate, sign(makeKey("k0"))), "401 token_invalid");
  });

  it("is fetched once for however many ask, and not again within the cool-down", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    const gate = await startFor(t, jwks(issuer.url, "coolDown: 1h"));
    assert.equal(await answerFor(gate, sign(known)), "200");
    const before = issuer.fetches;
    const stranger = makeKey("unknown");
    const flood = Array.from({ length: 50 }, () => answerFor(gate, sign(stranger)));
    assert.deepEqual(new Set(await Promise.all(flood)), new Set(["401 token_invalid"]));
    assert.equal(await answerFor(gate, sign({ ...stranger, kid: "another" })), "401 token_invalid");
    assert.equal(issuer.fetches, before + 1);
    // One that was asked for too early is not taken for forged for ever.
    assert.equal(await answerFor(gate, sign(known)), "200");
  });

  it("keeps serving by the last set while the issuer is away or talks nonsense", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    const gate = await startFor(
      t,
      jwks(issuer.url, "coolDown: 100ms, refresh: 1s, maxBytes: 2048"),
    );
    assert.equal(await answerFor(gate, sign(known)), "200");
    const nonsense: ((response: import("node:http").ServerResponse) => void)[] = [
      (response) => response.end("<html>"),
      (response) => response.end('{"keys":[]}'),
      (response) => response.writeHead(500).end(),
      (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      (response) => response.end(`{"keys":[],"pad":"${"x".repeat(3000)}"}`),
      (response) => response.destroy(),
    ];
    for (const answer of nonsense) {
      issuer.answer = answer;
      const before = issuer.fetches;
      while (issuer.fetches === before) {
        const reply = await answerFor(gate, sign(makeKey("unknown")));
        assert.match(reply, /^(?:503 keys_unavailable|401 token_invalid)$/);
      }
      assert.equal(await answerFor(gate, sign(known)), "200");
    }
    assert.equal(await answerFor(gate, sign(makeKey("unknown"))), "503 keys_unavailable");
    issuer.answer = undefined;
    const next = makeKey("next");
    issuer.keys = [known, next];
    await until(async () => (await answerFor(gate, sign(next))) === "200");
  });

  it("that was never there keeps revgate from being ready, and requests from being judged", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    issuer.answer = (response) => response.writeHead(503).end();
    const gate = await startFor(t, jwks(issuer.url, "coolDown: 100ms, refresh: 1s"));
    assert.equal(await answerFor(gate, sign(known)), "503 keys_unavailable");
    const ready = await send(`${gate.adminUrl}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(ready.text, /cannot be fetched: answered 503/);
    issuer.answer = undefined;
    await untilReady(gate);
    assert.equal(await answerFor(gate, sign(known)), "200");
  });
});

describe("a key set that is slower than its cool-down", () => {
  it("is waited for once by a request, and fetched once for all of them", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    const gate = await startFor(t, jwks(issuer.url, "coolDown: 100ms, timeout: 1s, refresh: 1h"));
    await until(async () => (await answerFor(gate, sign(known))) === "200");
    issuer.answer = () => {};
    const before = issuer.fetches;
    const forged = ["a", "b", "c"].map((kid) => answerFor(gate, sign({ ...known, kid })));
    assert.deepEqual(new Set(await Promise.all(forged)), new Set(["503 keys_unavailable"]));
    assert.equal(issuer.fetches, before + 1);
  });

  it("is not fetched again right after it was", async (t) => {
    const issuer = await startIssuer(t, makeKey("known"));
    issuer.answer = (response) => void setTimeout(() => response.end("{}"), 150);
    const keys = fetchKeys(t, issuer.url, { coolDownMs: 100 });
    await keys.settled();
    await keys.lookFor();
    assert.equal(keys.lookFor(), undefined);
    assert.equal(issuer.fetches, 2);
  });
});

describe("a key set that is closed while somebody waits for another fetch of it", () => {
  it("is in trouble, so that nobody is refused for good for a key that was not looked for", async (t) => {
    const issuer = await startIssuer(t, makeKey("known"));
    const keys = fetchKeys(t, issuer.url);
    await keys.settled();
    assert.equal(keys.trouble, undefined);
    const sought = keys.seek(() => false);
    keys.close();
    await sought;
    assert.match(keys.trouble ?? "", /no longer fetched/);
    assert.equal(issuer.fetches, 1);
  });
});

describe("a key set that can't be fetched any more", () => {
  it("is trusted for its maxAge, which a suspended machine can't stretch, and no longer", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    const start = systemStopwatch();
    let passedMs = 0;
    const keys = fetchKeys(t, issuer.url, {
      maxAgeMs: 60_000,
      // As after a suspension: only the wall clock has gone on.
      now: () => ({ monotonicMs: start.monotonicMs, wallMs: start.wallMs + passedMs }),
    });
    let changes = 0;
    keys.onChange(() => {
      changes += 1;
    });
    await keys.settled();
    assert.equal(keys.keys.length, 1);
    issuer.answer = (response) => response.writeHead(500).end();
    passedMs = 59_000;
    await keys.lookFor();
    assert.deepEqual([keys.keys.length, keys.ageMs], [1, 59_000]);
    passedMs = 60_000;
    await keys.lookFor();
    assert.deepEqual([keys.keys.length, changes], [0, 2], "verified tokens are forgotten too");
    assert.match(keys.trouble ?? "", /answered 500; .*older than tokens\.jwks\.maxAge/);
    issuer.answer = undefined;
    await keys.lookFor();
    assert.deepEqual([keys.keys.length, keys.trouble, keys.ageMs], [1, undefined, 0]);
  });

  it("is reported while it is still trusted, and refused with 503 afterwards", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    const gate = await startFor(t, jwks(issuer.url, "coolDown: 100ms, refresh: 1s, maxAge: 2s"));
    const token = sign(known);
    assert.equal(await answerFor(gate, token), "200");
    issuer.answer = (response) => response.writeHead(500).end();
    let ready = await send(`${gate.adminUrl}/readyz`);
    while (ready.json["reason"] === undefined) ready = await send(`${gate.adminUrl}/readyz`);
    assert.match(ready.text, /cannot be fetched: answered 500/);
    await until(async () => (await answerFor(gate, token)) !== "200");
    assert.equal(await answerFor(gate, token), "503 keys_unavailable");
    ready = await send(`${gate.adminUrl}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(ready.text, /older than tokens\.jwks\.maxAge/);
    const age = /^revgate_jwks_age_seconds (\S+)$/m.exec(
      (await send(`${gate.adminUrl}/metrics`)).text,
    );
    assert.ok(Number(age?.[1]) >= 2, age?.[0]);
  });
});

describe("the key set of one issuer among several", () => {
  it("takes no sidecar out of service for the others, and keeps no change of theirs from being taken on", async (t) => {
    const known = makeKey("known");
    const issuer = await startIssuer(t, known);
    issuer.answer = (response) => response.writeHead(500).end();
    const yaml = (tolerance: string) => `
tokens:
  keys: [ { publicKeyFile: public.pem } ]
  issuer: main
  clockTolerance: ${tolerance}
  jwks: { refresh: 1s, coolDown: 100ms }
  issuers: [ { issuer: small, keys: [ { jwksUrl: "${issuer.url}" } ] } ]`;
    const upstream = (await startApplication(t)).url;
    const gate = await startGate(t, { upstream, yaml: yaml("5s") });
    const readyz = () => send(`${gate.adminUrl}/readyz`);
    while (!(await readyz()).text.includes("cannot be fetched: answered 500"));
    assert.equal((await readyz()).status, 200);
    const [main, small] = [makeToken({ iss: "main" }), sign(known, { iss: "small" })];
    assert.equal(await answerFor(gate, main), "200");
    assert.equal(await answerFor(gate, small), "503 keys_unavailable");
    const reload = (tolerance: string) =>
      gate.reload(() => writeConfig(gate.directory, yaml(tolerance), upstream));
    await reload("6s");
    assert.equal(await answerFor(gate, main), "200");
    issuer.answer = undefined;
    await until(async () => (await answerFor(gate, small)) === "200");
    // From now on it has keys, and a change that would lose them is not taken on.
    issuer.answer = (response) => response.writeHead(500).end();
    await reload("7s");
    assert.match(gate.logged(), /answered 500/);
    assert.match((await readyz()).text, /not reloaded/);
  });
});

describe("a transmitter's key set that can't be fetched", () => {
  it("is reported, and takes no sidecar out of service", async (t) => {
    const issuer = await startIssuer(t, makeKey("known"));
    issuer.answer = (response) => response.writeHead(500).end();
    const gate = await startGate(t, {
      upstream: (await startApplication(t)).url,
      yaml: `
signals:
  transmitters:
    - { issuer: "https://signals", audience: shop, keys: [ { jwksUrl: "${issuer.url}" } ] }
tokens: { keys: [ { publicKeyFile: public.pem } ], jwks: { refresh: 1s } }`,
    });
    const readyz = () => send(`${gate.adminUrl}/readyz`);
    const age = async () =>
      Number(
        /^revgate_jwks_age_seconds (\S+)$/m.exec(
          (await send(`${gate.adminUrl}/metrics`)).text,
        )?.[1],
      );
    while (!(await readyz()).text.includes("cannot be fetched: answered 500"));
    assert.equal((await readyz()).status, 200);
    assert.equal(await answerFor(gate, makeToken()), "200");
    const before = await age();
    assert.ok(before > 0, `${before}`);
    while ((await age()) < before + 1);
    issuer.answer = undefined;
    while ((await readyz()).json["reason"] !== undefined);
    while ((await age()) >= before + 1);
  });
});

describe("an issuer that never answers", () => {
  it("is given up after the time-out, whatever is collected meanwhile", async (t) => {
    setFlagsFromString("--expose-gc");
    const collect = setInterval(runInNewContext("gc"), 20);
    t.after(() => clearInterval(collect));
    const silent = createTcpServer();
    const port = await listenOnLoopback(t, silent);
    const [result] = await new Promise<(Error | number)[]>((resolve) => {
      fetchKeys(t, `http://127.0.0.1:${port}/jwks`, {
        timeoutMs: 300,
        onFetch: (outcome) => resolve([outcome]),
      });
    });
    assert.match(String(result), /no answer within 300 ms/);
  });
});

describe("several issuers", () => {
  it("each have their keys, audience and algorithms, and their own subjects", async (t) => {
    const [one, two] = [makeKey("one"), makeKey("two")];
    const issuer = await startIssuer(t, two);
    const application = await startApplication(t);
    const directory = temporaryDirectory(t);
    writeFileSync(
      join(directory, "one.pem"),
      one.publicKey.export({ type: "spki", format: "pem" }),
    );
    const yaml = `
tokens:
  issuer: https://one
  keys: [ { publicKeyFile: one.pem } ]
  issuers: [ { issuer: "https://two", audience: shop, keys: [ { jwksUrl: "${issuer.url}" } ] } ]
routes: [ { path: /password, methods: [PUT], revoke: subject } ]`;
    const gate = await startGate(t, { upstream: application.url, yaml, directory });
    const first = sign(one, { iss: "https://one" });
    const second = sign(two, { iss: "https://two", aud: "shop" });
    assert.deepEqual([await answerFor(gate, first), await answerFor(gate, second)], ["200", "200"]);
    const wrong = [
      sign(two, { iss: "https://two" }),
      sign(two, { iss: "https://two", aud: "bank" }),
      sign(two, { iss: "https://one" }),
      sign(one, { iss: "https://two", aud: "shop" }),
      sign(one, { iss: "https://three" }),
      sign(one),
    ];
    for (const token of wrong) assert.equal(await answerFor(gate, token), "401 token_invalid");
    // Alice of the one is not Alice of the other.
    await send(`${gate.url}/password`, { method: "PUT", headers: { token: second } });
    assert.equal(await answerFor(gate, second), "401 token_revoked");
    assert.equal(await answerFor(gate, first), "200");
  });
});

describe("key files", () => {
  it("are read again when they are replaced, and the keys stay while they can't be used", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    const gate = await startGate(t, { upstream: application.url, directory });
    const file = join(directory, "public.pem");
    const replace = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    const old = makeToken();
    assert.equal(await answerFor(gate, old), "200");
    replace("nonsense");
    while (!gate.logged().includes("the previous keys stay in use")) await answerFor(gate, old);
    assert.equal(await answerFor(gate, old), "200");
    const next = nextKeyPair();
    replace(next.publicKey.export({ type: "spki", format: "pem" }).toString());
    const token = makeToken({}, { key: next.privateKey });
    await until(async () => (await answerFor(gate, token)) === "200");
    assert.equal(await answerFor(gate, old), "401 token_invalid");
  });
});
