import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import {
  repository,
  startBuiltGate,
  startExampleProgram,
  writeKeyFiles,
} from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

describe("the example of a gRPC service", () => {
  it("is called, watched and left by its client as its README says", async (t) => {
    const directory = temporaryDirectory(t);
    const keys = writeKeyFiles(directory);
    const service = await startExampleProgram(t, "grpc/server.js", keys);
    const settings = { PORT: "0", ADMIN_PORT: "0", DATA_DIR: directory, APPLICATION: service.url };
    const config = join(repository, "examples/grpc/revgate.yaml");
    const gate = await startBuiltGate(t, config, { ...keys, ...settings });
    const client = join(repository, "examples/grpc/client.js");
    const address = `127.0.0.1:${gate.port}`;
    const call = async (token: string, ...args: string[]) => {
      const env = { ...process.env, TOKEN: token };
      const ran = promisify(execFile)(process.execPath, [client, address, ...args], { env });
      return ran.then(
        ({ stdout }) => stdout.trim(),
        ({ stderr }: { stderr: string }) => stderr.trim(),
      );
    };

    assert.equal(await call("", "me"), "UNAUTHENTICATED: Token is missing.");
    const token = await call("", "login", "alice", "wonderland");
    assert.equal(await call(token, "me"), "alice");
    const watching = spawn(process.execPath, [client, address, "watch"], {
      env: { ...process.env, TOKEN: token },
      stdio: ["ignore", "pipe", "pipe"],
    });
    t.after(() => watching.kill());
    const ended = text(watching.stderr);
    assert.equal(String((await once(watching.stdout, "data"))[0]).trim(), "event 1");
    assert.equal(await call(token, "logout"), "bye");
    assert.equal((await ended).trim(), "UNAUTHENTICATED: Please log in again.");
    assert.equal(await call(token, "me"), "UNAUTHENTICATED: Please log in again.");
  });
});
