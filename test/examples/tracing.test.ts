import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback, startApplication } from "../helpers/application.ts";
import { writeConfig } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { runBuilt, shippedProgram, startBuiltGate } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}

/** A span as OTLP's JSON has it. */
interface Span {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly { readonly name: string; readonly timeUnixNano: string }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const readAttribute = (attributes: readonly Attribute[], wanted: string) => {
  const value = attributes.find(({ key }) => key === wanted)?.value;
  return value?.stringValue ?? value?.intValue;
};

/** Takes what an OTLP exporter sends. */
async function startCollector(t: TestContext) {
  const received: { path: string; type: string | undefined; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const { url: path = "", headers } = request;
    received.push({ path, type: headers["content-type"], body: await buffer(request) });
    response.writeHead(200, { "content-type": headers["content-type"] }).end();
  });
  const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  const exports = () => received.map(({ body }) => JSON.parse(body.toString()) as Export);
  return { url, received, exports };
}

async function startTraced(t: TestContext, env: NodeJS.ProcessEnv) {
  const seen: (string | undefined)[] = [];
  const application = await startApplication(t, (request, response) => {
    seen.push(request.headers["traceparent"] as string | undefined);
    response.end("ok");
  });
  const directory = temporaryDirectory(t);
  await writeConfig(directory, "log: { requests: none }", application.url);
  return {
    gate: await startBuiltGate(t, join(directory, "revgate.yaml"), env, shippedProgram),
    seen,
    application,
  };
}

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = (flags: string) => `00-${traceId}-00f067aa0ba902b7-${flags}`;

describe("spans", () => {
  it("of requests are exported as children of the caller's, whose traceparent passes untouched", async (t) => {
    const collector = await startCollector(t);
    const { gate, seen } = await startTraced(t, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
      OTEL_SERVICE_NAME: "shop-gate",
    });
    const token = makeToken();
    const traceparent = parent("01");
    const tracestate = "vendor=a,other=b";
    await send(`${gate.url}/me?secret=1`, { headers: { token, traceparent, tracestate } });
    await send(`${gate.url}/me`, { headers: { traceparent } });
    await send(`${gate.url}/me`, { headers: { token, traceparent: parent("00") } });
    assert.equal(await gate.end("SIGTERM"), 0);

    assert.deepEqual(seen, [traceparent, parent("00")]);
    const exports = collector.exports();
    const spans = exports.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
    assert.equal(spans.length, 2, "the third was not sampled by its caller");
    const [passed, refused] = spans as [Span, Span];
    for (const span of spans) {
      assert.deepEqual([span.traceId, span.parentSpanId], [traceId, "00f067aa0ba902b7"]);
      assert.deepEqual([span.name, span.kind], ["GET", 2]);
      const [start, end] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)];
      assert.ok(start < end && end - start < 60_000_000_000n);
      assert.ok(Math.abs(Number(start / 1_000_000n) - Date.now()) < 60_000);
    }
    assert.deepEqual(
      ["revgate.outcome", "url.path", "http.response.status_code", "client.address"].map((key) =>
        readAttribute(passed.attributes, key),
      ),
      ["forwarded", "/me", 200, "127.0.0.1"],
    );
    assert.deepEqual(
      passed.events.map(({ name }) => name),
      ["checked", "response head"],
    );
    assert.equal(readAttribute(refused.attributes, "revgate.outcome"), "token_missing");
    assert.equal(refused.status.code ?? 0, 0, "a client's mistake is no error here");
    const resource = exports[0]?.resourceSpans[0]?.resource ?? assert.fail("nothing was exported");
    assert.equal(readAttribute(resource.attributes, "service.name"), "shop-gate");
    assert.equal(readAttribute(resource.attributes, "deployment.environment"), "test");
    const all = collector.received.map(({ body }) => body.toString()).join();
    for (const secret of [token, "secret=1"]) assert.ok(!all.includes(secret));
  });

  it("are marked as errors where the application is away, and travel as protobuf by default", async (t) => {
    const collector = await startCollector(t);
    const { gate, application } = await startTraced(t, {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
    });
    application.server.closeAllConnections();
    application.server.close();
    await send(`${gate.url}/me`, { headers: { token: makeToken() } });
    assert.equal(await gate.end("SIGTERM"), 0);
    const [{ path, type, body }] = collector.received as [(typeof collector.received)[number]];
    assert.deepEqual([path, type], ["/v1/traces", "application/x-protobuf"]);
    for (const text of ["revgate", "upstream_unreachable", "error.type"])
      assert.ok(body.includes(text), text);
  });

  const patient = {
    OTEL_EXPORTER_OTLP_TIMEOUT: "300000",
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "100",
  };
  for (const [what, listens, env] of [
    ["no collector is there", false, {}],
    ["a collector never answers", true, {}],
    ["a collector never answers, within the time that is set for spans", true, patient],
  ] as const) {
    it(`fail no request and hold nothing up where ${what}`, { timeout: 30_000 }, async (t) => {
      const port = listens
        ? await listenOnLoopback(
            t,
            createServer(() => {}),
          )
        : 1;
      const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
      const { gate } = await startTraced(t, { ...endpoint, ...env });
      const reply = await send(`${gate.url}/me`, { headers: { token: makeToken() } });
      assert.equal(reply.status, 200);
      assert.equal(await gate.end("SIGTERM"), 0);
    });
  }

  for (const env of [{ OTEL_TRACES_EXPORTER: "none" }, { OTEL_SDK_DISABLED: "TRUE" }]) {
    it(`are not exported where nobody asks for them: ${JSON.stringify(env)}`, async (t) => {
      const collector = await startCollector(t);
      const { gate } = await startTraced(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env });
      await send(`${gate.url}/me`, { headers: { token: makeToken(), traceparent: parent("01") } });
      await gate.end("SIGTERM");
      assert.deepEqual(collector.received, []);
    });
  }

  it("are refused in a protocol that is not spoken here", async (t) => {
    const directory = temporaryDirectory(t);
    await writeConfig(directory, "", "http://127.0.0.1:1");
    const env = { OTEL_TRACES_EXPORTER: "otlp", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    const refused = await runBuilt(["run", "-c", join(directory, "revgate.yaml")], { env });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /OTEL_EXPORTER_OTLP_PROTOCOL: expected http\/protobuf/);
  });
});
