import assert from "node:assert/strict";
import { once } from "node:events";
import http, { createServer, type Server } from "node:http";
import https, { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createUpgradedConnections } from "../../src/gateway/upgraded-connections.ts";
import { ProxyRequest, ProxyResponse } from "../../src/node-http/http-messages.ts";
import { inOrder } from "../../src/node-http/in-order.ts";
import { createDrain } from "../../src/server/drain.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

const long = 60_000;
/** More than the system keeps for a client that does not read. */
const large = Buffer.alloc(20_000_000);

async function start(t: TestContext, scheme: "http" | "https") {
  const waiting: (() => void)[] = [];
  const listener = inOrder((request, { stream }) => {
    if (request.url === "/large") stream.end(large);
    else if (request.url === "/slow") waiting.push(() => stream.end("done"));
    else stream.end("ok");
  });
  const classes = { IncomingMessage: ProxyRequest, ServerResponse: ProxyResponse };
  const server = (scheme === "http"
    ? createServer(classes, listener)
    : createTlsServer(
        { ...classes, ...makeCertificate(temporaryDirectory(t)) },
        listener,
      )) as unknown as Server;
  const drain = createDrain(createUpgradedConnections());
  drain.watch(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const { Agent, get } = scheme === "http" ? http : https;
  const openAgent = () => {
    const agent = new Agent({
      keepAlive: true,
      ...(scheme === "https" && { rejectUnauthorized: false }),
    });
    t.after(() => agent.destroy());
    return agent;
  };
  const agent = openAgent();
  const send = (path: string, by = agent) =>
    once(get({ port, host: "127.0.0.1", path, agent: by }), "response") as Promise<
      [http.IncomingMessage]
    >;
  const refuses = () =>
    assert.rejects(
      once(get({ port, host: "127.0.0.1", path: "/", agent: new Agent() }), "response"),
    );
  return { drain, send, openAgent, refuses, waiting };
}

for (const scheme of ["http", "https"] as const) {
  describe(`a drain (${scheme})`, { concurrency: true }, () => {
    it("waits for what is under way, closes behind it, and takes nothing new", async (t) => {
      const { drain, send, refuses, waiting } = await start(t, scheme);

      // One connection that is idle by then, and one with a request under way.
      const slow = send("/slow");
      while (waiting.length === 0) (await send("/quick"))[0].resume();
      let drained = false;
      const draining = drain.run(long).then(() => {
        drained = true;
      });
      assert.equal(drain.connections > 0, true);
      await refuses();
      assert.equal(drained, false);
      waiting[0]?.();
      const [response] = await slow;
      assert.equal(response.headers.connection, "close");
      response.resume();
      // Otherwise it would wait for the idle time-out of the connection, or for the limit.
      await draining;
      assert.equal(drain.connections, 0);
    });

    it("once begun, closes each connection behind its answer, and those alone", async (t) => {
      const { drain, send, openAgent, waiting } = await start(t, scheme);
      const idle = openAgent();
      const [first] = await send("/quick", idle);
      await once(first.resume(), "close");
      const slow = send("/slow");
      await until(() => waiting.length !== 0);
      assert.equal(drain.connections, 2);
      drain.begin();
      waiting[0]?.();
      const [response] = await slow;
      assert.equal(response.headers.connection, "close");
      await once(response.resume(), "close");
      await until(() => drain.connections <= 1);
      // Whoever has a connection may still use it, once.
      const [second] = await send("/quick", idle);
      assert.deepEqual([second.statusCode, second.headers.connection], [200, "close"]);
      second.resume();
      await until(() => drain.connections === 0);
    });
  });
}

describe("a drain", () => {
  it("leaves an answer its time that has been given and not yet been sent, while another ends", async (t) => {
    const { drain, send, openAgent, waiting } = await start(t, "http");
    const slow = send("/slow");
    while (waiting.length === 0) await new Promise(setImmediate);
    // Nobody reads it: most of it has yet to be sent.
    const [response] = await send("/large", openAgent());
    const draining = drain.run(long);
    waiting[0]?.();
    await once((await slow)[0].resume(), "close");
    // Longer than idle connections are kept.
    await pause(1200);
    let length = 0;
    for await (const chunk of response) length += chunk.length;
    assert.equal(length, large.length);
    await draining;
  });
});
