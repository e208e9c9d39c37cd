import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { listenOnLoopback } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { untilNothingIsLeft } from "../helpers/left-over.ts";
import { h2load, wrk } from "../helpers/load-generators.ts";
import { firstCells } from "../helpers/tables.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

/** Requests of each run of h2load. */
const amount = 600;
const token = makeToken();

interface Place {
  readonly url: string;
  readonly tlsUrl: string;
  readonly directory: string;
  /** How often the application was asked for a path. */
  readonly arrived: Map<string, number>;
}

async function start(t: TestContext): Promise<Place & { gates: readonly TestGate[] }> {
  const arrived = new Map<string, number>();
  // It keeps none of its requests, as those of other tests do: memory is looked at.
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    arrived.set(path, (arrived.get(path) ?? 0) + 1);
    let length = 0;
    request.on("data", (chunk) => {
      length += chunk.length;
    });
    request.on("end", () => response.end(`${request.method} ${path} ${length}`));
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const directory = temporaryDirectory(t);
  makeCertificate(directory);
  const log = "log: { requests: none }";
  const tls = "listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }";
  const [gate, tlsGate] = await Promise.all([
    startGate(t, { upstream, yaml: log }),
    startGate(t, { upstream, yaml: `${log}\n${tls}`, directory, scheme: "https" }),
  ]);
  return { url: gate.url, tlsUrl: tlsGate.url, directory, arrived, gates: [gate, tlsGate] };
}

const withToken = ["-H", `token: ${token}`];
const allDone = { done: amount, errored: 0, statuses: { "2xx": amount } };

/** A run of h2load in HTTP/1.1 with a good token. */
const load = (url: string, ...args: string[]) =>
  h2load(["--h1", `-n${amount}`, ...withToken, ...args, url]);

/** A run of wrk in a directory of its own. */
const script = (
  t: TestContext,
  url: string,
  connections: number,
  ends: Promise<void> | number,
  text: string,
) => wrk(temporaryDirectory(t), { url, connections, script: text, ends });

const noErrors = { connect: 0, read: 0, write: 0, timeout: 0 };

/** By what docs/peers.md says of it. */
const loads: Record<string, (place: Place, t: TestContext) => Promise<void>> = {
  async "h2load, two hundred connections at once"({ url }) {
    assert.deepEqual(await load(url, "-c200"), allDone);
  },
  async "h2load, connections that come by tens"({ url }) {
    assert.deepEqual(await load(url, "-c200", "-r10", "--rate-period=10ms"), allDone);
  },
  async "h2load, 33 requests pipelined"({ url }) {
    assert.deepEqual(await load(url, "-c10", "-m33"), allDone);
  },
  async "h2load, more pipelined than may wait"({ url, arrived }) {
    const path = "/more-than-may-wait";
    const { done, errored, statuses } = await load(`${url}${path}`, "-c5", "-m100");
    // Each connection ends behind its last answer: whatever was answered is whole, and nothing else arrived.
    assert.ok(done >= 5 * 33 && errored > 0, `${done} ${errored}`);
    assert.deepEqual(
      { statuses, total: done + errored },
      { statuses: { "2xx": done }, total: amount },
    );
    assert.equal(arrived.get(path), done);
  },
  async "h2load, bodies of 100 KB, four of them pipelined"({ url, directory }) {
    const file = join(directory, "body");
    writeFileSync(file, Buffer.alloc(100_000));
    assert.deepEqual(await load(url, "-c10", "-m4", `-d${file}`), allDone);
  },
  async "h2load, a connection for each request"({ url }) {
    assert.deepEqual(await load(url, "-c20", "-H", "connection: close"), allDone);
  },
  async "h2load, HTTP/2 without asking for it"({ url }) {
    const { done, statuses } = await h2load(["-n100", "-c10", "-m5", ...withToken, url]);
    assert.deepEqual({ done, statuses }, { done: 100, statuses: { "2xx": 100 } });
  },
  async "h2load, TLS that offers HTTP/2 first"({ tlsUrl }) {
    assert.deepEqual(await h2load([`-n${amount}`, "-c20", ...withToken, tlsUrl]), allDone);
  },
  async "wrk, eight requests pipelined, good ones and bad ones in turn"({ url }, t) {
    const { errors, seen } = await script(
      t,
      url,
      1,
      4,
      `
local body = string.rep("b", 70000)
local one = wrk.format("GET", "/one", { Host = "a", token = "${token}" })
local without = wrk.format("GET", "/without", { Host = "a" })
local forged = wrk.format("GET", "/forged", { Host = "a", token = "${token.slice(0, -8)}AAAAAAAA" })
local two = wrk.format("POST", "/two", { Host = "a", token = "${token}" }, body)
local eight = string.rep(one .. without .. two .. forged, 2)
request = function() return eight end
local turn = 0
response = function(status, headers, body)
  local what = (turn % 4) .. " " .. status .. " " .. (status == 200 and body or string.match(body, '"error":"([^"]+)"'))
  turn = turn + 1
  count(what)
end`,
    );
    assert.deepEqual(errors, noErrors);
    const kinds = ["0 200 GET /one 0", "1 401 token_missing", "2 200 POST /two 70000"];
    assert.deepEqual(Object.keys(seen).sort(), [...kinds, "3 401 token_invalid"]);
  },
  async "wrk, HTTP/1.0, with and without keep-alive"({ url }, t) {
    const { errors, seen } = await script(
      t,
      url,
      20,
      2,
      `
local function old(more)
  return (string.gsub(wrk.format("GET", "/old", { token = "${token}", Connection = more }), "HTTP/1.1", "HTTP/1.0"))
end
local kept, closed = old("keep-alive"), old()
local turn = 0
request = function()
  turn = turn + 1
  return turn % 2 == 0 and kept or closed
end
response = function(status, headers, body)
  count(status .. " " .. (headers["Connection"] or "none") .. " " .. body)
end`,
    );
    assert.deepEqual(errors, noErrors);
    const kinds = ["200 close GET /old 0", "200 keep-alive GET /old 0"];
    assert.deepEqual(Object.keys(seen).sort(), kinds);
  },
  async "wrk, pipelined, with a token that is logged out in the middle"({ url, arrived }, t) {
    const headers = { token: makeToken() };
    const directory = temporaryDirectory(t);
    const [answered, refused] = [join(directory, "answered"), join(directory, "refused")];
    // From the answer to the logout on, the script asks for another path.
    const ended = script(
      t,
      url,
      20,
      until(() => existsSync(refused)),
      `
local four = {}
for _, path in ipairs({ "/before", "/after" }) do
  four[path] = string.rep(wrk.format("GET", path, { Host = "a", token = "${headers.token}" }), 4)
end
local path = "/before"
request = function()
  if path == "/before" then
    local file = io.open("${answered}")
    if file then
      file:close()
      path = "/after"
    end
  end
  count("asked " .. path)
  return four[path]
end
response = function(status, headers, body)
  count(status == 200 and body or string.match(body, '"error":"([^"]+)"'))
  if path == "/after" and status == 401 then
    io.open("${refused}", "w"):close()
  end
end`,
    );
    await until(() => (arrived.get("/before") ?? 0) > 20);
    assert.equal((await send(`${url}/logout`, { method: "POST", headers })).status, 200);
    assert.equal(existsSync(answered), false);
    writeFileSync(answered, "");
    const { errors, seen } = await ended;
    assert.deepEqual(errors, noErrors);
    assert.equal(arrived.get("/after"), undefined);
    const kinds = ["GET /before 0", "asked /after", "asked /before", "token_revoked"];
    assert.deepEqual(Object.keys(seen).sort(), kinds);
  },
};

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is in use when nothing is under way. */
function usedMemory(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Waits until nothing is under way any more. */
async function untilIdle(gate: TestGate): Promise<void> {
  await untilNothingIsLeft(gate);
  await until(async () =>
    /^revgate_outbox_pending 0$/m.test((await send(`${gate.adminUrl}/metrics`)).text),
  );
}

/** Checks how a gate's requests ended. */
async function checkOutcomes({ adminUrl }: TestGate, expected: readonly string[]): Promise<void> {
  const { text } = await send(`${adminUrl}/metrics`);
  const outcomes = text.matchAll(/^revgate_requests_total\{outcome="(\w+)"\} [1-9]/gm);
  // wrk leaves when it has had enough, whatever is under way.
  const ended = [...outcomes].map(([, name]) => name).filter((name) => name !== "client_gone");
  assert.deepEqual(ended.sort(), expected);
  assert.doesNotMatch(text, /^revgate_(uncaught_errors|stalled_clients)_total\{.*\} [1-9]/m);
}

describe("what load generators send", () => {
  it("is in docs/peers.md, line by line", () => {
    assert.deepEqual(firstCells("docs/peers.md", "load").sort(), Object.keys(loads).sort());
  });

  it("is answered as it should be, each to the last, and leaves nothing behind", {
    timeout: 170_000,
  }, async (t) => {
    const { gates, ...place } = await start(t);
    // What is made once is there before memory is looked at.
    await Promise.all([place.url, place.tlsUrl].map((url) => load(url, "-c20", "-m8")));
    await Promise.all(gates.map(untilIdle));
    const before = usedMemory();
    const all = Object.entries(loads).map(([what, hold]) => t.test(what, (t) => hold(place, t)));
    await Promise.all(all);
    await Promise.all(gates.map(untilIdle));
    const refused = ["token_invalid", "token_missing", "token_revoked"];
    const [gate, tlsGate] = gates;
    if (gate === undefined || tlsGate === undefined) throw new Error("no gate");
    await checkOutcomes(gate, ["forwarded", ...refused]);
    await checkOutcomes(tlsGate, ["forwarded"]);
    const grown = usedMemory() - before;
    assert.ok(grown < 24 << 20, `${grown} bytes more are in use`);
  });
});
