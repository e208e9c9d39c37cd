import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { exampleRoutes, writeConfig } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { repository, startProgram } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

describe("descriptors", () => {
  it("of the clients' port are not taken by connections to the admin port", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    await writeConfig(directory, exampleRoutes, application.url);
    const program = join(repository, "dist/cli.js");
    const config = join(directory, "revgate.yaml");
    const run = `ulimit -n 400; exec "${process.execPath}" "${program}" run --config "${config}"`;
    const { match, child } = await startProgram(
      t,
      ["/bin/sh", "-c", run],
      {},
      /"address":\{[^}]*"port":(\d+)\},"adminAddress":\{[^}]*"port":(\d+)/,
    );
    const [, port, adminPort] = match.map(Number);
    const halves = Array.from({ length: 600 }, async () => {
      const half = await openRaw(t, adminPort ?? 0);
      half.write("GET /healthz HTTP/1.1\r\nHost: a\r\n");
      return half;
    });
    const open = (await Promise.all(halves)).filter(({ socket }) => !socket.destroyed);
    assert.ok(open.length > 0);

    // Each takes two: its own, and one to the application.
    const clients = await Promise.all(Array.from({ length: 60 }, () => openRaw(t, port ?? 0)));
    for (const client of clients) {
      client.write(`GET /me HTTP/1.1\r\nHost: a\r\ntoken: ${makeToken()}\r\n\r\n`);
    }
    for (const client of clients) await client.until(/^HTTP\/1\.1 200 /);
    assert.equal((await send(`http://127.0.0.1:${adminPort}/healthz`)).status, 200);
    assert.equal(child.exitCode, null);
  });
});
