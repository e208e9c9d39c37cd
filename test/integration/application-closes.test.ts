import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createServer, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { startGate, type TestGate, untilStartIsNoted } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

/** An application that answers each request with some bytes, and then closes in some way. */
async function closingApplication(t: TestContext, answer: (socket: Socket) => void) {
  const closed: Promise<unknown>[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    closed.push(once(socket, "close"));
    socket.once("data", () => answer(socket));
  });
  const upstream = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  return { upstream, closed };
}

/** A reset and nothing else: resetAndDestroy says good-bye first, which would be an orderly end. */
function reset(socket: Socket): void {
  const { _handle: handle } = socket as unknown as { _handle: { reset(done: () => void): void } };
  handle.reset(() => socket.destroy());
}

/** Lets others come and go until what has been sent to the gate has been read. */
async function letPass(gate: TestGate): Promise<void> {
  for (let i = 0; i < 20; i += 1) await send(`${gate.adminUrl}/healthz`);
}

const large = "x".repeat(300_000);

describe("an application that closes behind its answer", () => {
  const answers: [string, string, string][] = [
    ["without a body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", ""],
    ["that ends with the connection", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbye", "bye"],
    [
      "that is empty, and ends with the connection",
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
      "",
    ],
    ["in HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nbye", "bye"],
    [
      "in chunks",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nbye\r\n0\r\n\r\n",
      "bye",
    ],
    ["that is large", `HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${large}`, large],
  ];
  for (const [what, bytes, body] of answers) {
    it(`is heard to the end although it closes while its answer is held: ${what}`, async (t) => {
      const syncs = await prepareHeldSyncs(t);
      const { upstream, closed } = await closingApplication(t, (socket) => socket.end(bytes));
      const gate = await startGate(t, { upstream });
      await untilStartIsNoted(gate);
      syncs.hold();
      const logout = send(`${gate.url}/logout`, {
        method: "POST",
        headers: { token: makeToken() },
      });
      await syncs.releaseNext();
      while (closed.length === 0) await letPass(gate);
      await letPass(gate);
      await syncs.releaseNext();
      const reply = await logout;
      assert.equal(reply.status, 200);
      assert.equal(reply.text, body);
      assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    });
  }

  it("is heard to the end by a client that reads slowly", async (t) => {
    const { upstream, closed } = await closingApplication(t, (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
      // In pieces, so that the gate has taken all of it when it has to wait for the client.
      const pieces = Array.from({ length: 100 }, () => "x".repeat(20_000));
      const next = () => {
        const piece = pieces.pop();
        if (piece === undefined) socket.end();
        else socket.write(piece, () => setImmediate(next));
      };
      next();
    });
    const gate = await startGate(t, { upstream });
    for (let round = 0; round < 5; round += 1) {
      const outgoing = request(`${gate.url}/me`, { headers: { token: makeToken() } }).end();
      const [response] = await once(outgoing, "response");
      response.pause();
      await letPass(gate);
      let received = 0;
      for await (const chunk of response) received += chunk.length;
      assert.equal(received, 2_000_000);
      await closed[round];
    }
    assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
  });

  for (const reads of ["at once", "slowly"]) {
    it(`by a reset leaves a broken response, never a short one, to a client that reads ${reads}`, async (t) => {
      let connection: Socket | undefined;
      const { upstream } = await closingApplication(t, (socket) => {
        connection = socket;
        socket.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbeginning");
      });
      const gate = await startGate(t, { upstream });
      const raw = await openRaw(t, gate.port);
      raw.write(`GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\n\r\n`);
      await raw.until(/beginning/);
      if (reads === "slowly") raw.socket.pause();
      assert.ok(connection);
      reset(connection);
      await letPass(gate);
      raw.socket.resume();
      assert.doesNotMatch(await raw.untilClosed(), /\r\n0\r\n\r\n$/);
      assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    });
  }
});
