import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { answerRequests, type Engine, engines, openServer } from "../../src/node-http/engine.ts";
import { GatheringRequest } from "../../src/node-http/gathering-request.ts";
import { writeConfig } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { repository, startProgram } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

/** Has a program take this Node for another version. */
const pretend = (version: string) =>
  `--import=data:text/javascript,${encodeURIComponent(
    `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`,
  )}`;

/** Starts the built program on an engine, and on what it takes for that version of Node. */
async function startOn(t: TestContext, engine: Engine, version: string) {
  const directory = temporaryDirectory(t);
  await writeConfig(directory, `server: { engine: ${engine} }`, "http://127.0.0.1:1");
  const program = [process.execPath, join(repository, "dist/cli.js")] as const;
  const { match } = await startProgram(
    t,
    [...program, "run", "--config", join(directory, "revgate.yaml")],
    { NODE_OPTIONS: pretend(version) },
    /"address":\{[^}]*"port":(\d+)\}|^.*"msg":"revgate was not tested on this version of Node.*$/,
  );
  return match;
}

describe("the engine", () => {
  it("is said to be Node's own way on a version of Node that was not tested", async (t) => {
    const [line] = await startOn(t, "direct", "99.1.0");
    const said = JSON.parse(line ?? "");
    assert.deepEqual([said.level, said.node, said["server.engine"]], ["warn", "99.1.0", "node"]);
  });

  it("is nothing to talk about where it was asked for, or the version was tested", async (t) => {
    for (const [engine, version] of [
      ["node", "99.1.0"],
      ["direct", process.versions.node],
    ] as const) {
      const [, port] = await startOn(t, engine, version);
      assert.equal((await send(`http://127.0.0.1:${port}/me`)).status, 401);
    }
  });

  for (const engine of engines) {
    it(`${engine} answers requests of one connection in their order, and cuts a flood`, async (t) => {
      const server = openServer(engine, {});
      const waiting: (() => void)[] = [];
      answerRequests(server, engine, ({ url }, { stream }) => {
        waiting.push(() => stream.end(`answer to ${url}`));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      t.after(() => {
        server.closeAllConnections();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
      const few = await openRaw(t, port);
      few.write([1, 2, 3].map((i) => request(`/${i}`)).join(""));
      for (let i = 1; i <= 3; i += 1) {
        await until(() => waiting.length >= 1);
        assert.equal(waiting.length, 1, "one after the other");
        waiting.shift()?.();
        await few.until(new RegExp(`answer to /${i}$`));
      }
      const many = await openRaw(t, port);
      // As many in one packet as Node would make a response for each, and keep it.
      many.write(request("/flood").repeat(5000));
      const answering = setInterval(() => waiting.shift()?.(), 1);
      t.after(() => clearInterval(answering));
      const answered = statusesIn(await many.untilClosed()).length;
      assert.ok(answered <= 33, `${answered} answers`);
      assert.equal(answered === 0, engine === "node");
      // Others are served as before.
      few.write(request("/4"));
      await few.until(/answer to \/4$/);
    });
  }

  it("node leaves Node's classes and its parser as they are", async (t) => {
    const server = openServer("node", {});
    let before: unknown;
    server.prependListener(
      "connection",
      (socket: Socket & { parser?: { onIncoming: unknown } }) => {
        before = socket.parser?.onIncoming;
      },
    );
    const seen: [IncomingMessage, ServerResponse][] = [];
    answerRequests(server, "node", (request, { stream }) => {
      seen.push([request, stream]);
      stream.end("ok");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    assert.equal((await send(`http://127.0.0.1:${port}/`)).text, "ok");
    const [request, response] = seen[0] ?? assert.fail();
    assert.equal(Object.getPrototypeOf(response), ServerResponse.prototype);
    assert.deepEqual(Reflect.ownKeys(GatheringRequest.prototype), ["constructor", "push"]);
    assert.ok(request instanceof GatheringRequest);
    const { parser } = request.socket as Socket & { parser?: { onIncoming: unknown } };
    if (parser !== undefined && parser !== null) assert.equal(parser.onIncoming, before);
  });
});
