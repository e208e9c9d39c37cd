import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { connectControl } from "../../src/control/control-client.ts";
import { holdDataDir } from "../../src/control/control-socket.ts";
import { formatRecords, journalTitle } from "../../src/denylist/journal/record.ts";
import { writeConfig } from "../helpers/gate.ts";
import { type Reply, send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { startBuiltGate } from "../helpers/program.ts";
import { filledName } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

const lines = 150_000;

/** A journal that takes its time to be read. */
const journal = (() => {
  const expiresAt = Math.floor(Date.now() / 1000) + 100_000;
  const records = Array.from({ length: lines }, (_, i) => {
    const entry = { kind: "tok", value: filledName(i), expiresAt } as const;
    return { verb: "revoked", entry } as const;
  });
  return journalTitle + formatRecords(records);
})();

async function prepare(t: TestContext) {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  const admin = `admin: { host: 127.0.0.1, port: ${port} }`;
  await writeConfig(directory, admin, "http://127.0.0.1:1");
  const dataDir = join(directory, "data");
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, "journal"), journal);
  return { directory, dataDir, adminUrl: `http://127.0.0.1:${port}` };
}

/** Sends one command; undefined where nobody holds the directory yet. */
async function command(dataDir: string, request: Record<string, unknown>): Promise<unknown> {
  const connection = await connectControl(dataDir);
  if (connection === undefined) return undefined;
  // The first value of an answer is enough: a list has many.
  for await (const value of connection.send(request)) return value;
  return "nothing";
}

/** Asks again and again, until it is told to stop; yields what was answered. */
async function repeat<Answer>(
  ask: () => Promise<Answer | undefined>,
  signal: AbortSignal,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  // Once more behind the start.
  for (let last = false; !last; ) {
    last = signal.aborted;
    const answer = await ask();
    if (answer !== undefined) answers.push(answer);
    await new Promise(setImmediate);
  }
  return answers;
}

describe("a start that takes long", () => {
  it("answers each command, whenever it comes", async (t) => {
    const { directory, dataDir, adminUrl } = await prepare(t);
    const credential = makeToken();
    const entry = { kind: "jti", value: filledName(1), expiresAt: 4_000_000_000 };
    const commands: [Record<string, unknown>, (answer: unknown) => void][] = [
      [
        { command: "revoke", credential },
        (answer) => assert.equal((answer as { standing: string }).standing, "revoked"),
      ],
      [
        { command: "check", credential: makeToken() },
        (answer) => assert.equal((answer as { standing: string }).standing, "live"),
      ],
      [
        { command: "explain", credential: makeToken() },
        (answer) => assert.equal((answer as { passes: boolean }).passes, true),
      ],
      [
        { command: "introspect", credential: makeToken() },
        (answer) => assert.equal((answer as { active: boolean }).active, true),
      ],
      [
        { command: "end", claim: "jti", value: "j" },
        (answer) => assert.equal((answer as { kind: string }).kind, "jti"),
      ],
      [{ command: "add", entries: [entry] }, (answer) => assert.deepEqual(answer, { added: 1 })],
      [{ command: "list" }, (answer) => assert.ok((answer as { kind: string }).kind)],
    ];
    const started = new AbortController();
    t.after(() => started.abort());
    const asked = commands.map(([request]) =>
      repeat(() => command(dataDir, request), started.signal),
    );
    const readiness = repeat<Reply>(
      () => send(`${adminUrl}/readyz`).catch(() => undefined),
      started.signal,
    );
    const gate = await startBuiltGate(t, join(directory, "revgate.yaml"));
    started.abort();
    for (const [index, answers] of (await Promise.all(asked)).entries()) {
      const [request, check] = commands[index] ?? [{}, () => {}];
      assert.ok(answers.length > 0, JSON.stringify(request));
      for (const answer of answers) check(answer);
    }
    for (const { status, json } of await readiness) {
      if (status === 200) assert.deepEqual(json, { status: "ready" });
      else assert.deepEqual(json, { status: "not_ready", reason: "starting" });
    }
    assert.equal(await gate.end("SIGTERM"), 0);
  });

  it("is drained by whoever asks for it meanwhile", async (t) => {
    const { directory, dataDir, adminUrl } = await prepare(t);
    const starting = startBuiltGate(t, join(directory, "revgate.yaml"));
    let hasFailed = false;
    starting.catch(() => {
      hasFailed = true;
    });
    let connection: Awaited<ReturnType<typeof connectControl>>;
    while (connection === undefined && !hasFailed) {
      // As soon as the socket is there.
      if (existsSync(join(dataDir, "control.sock"))) connection = await connectControl(dataDir);
      else await new Promise(setImmediate);
    }
    const answers: unknown[] = [];
    for await (const value of connection?.send({ command: "drain" }) ?? []) answers.push(value);
    assert.deepEqual(answers, [{ connections: 0 }]);
    const gate = await starting;
    const { status, json } = await send(`${adminUrl}/readyz`);
    assert.deepEqual([status, json], [503, { status: "not_ready", reason: "draining" }]);
    assert.equal((await send(`${gate.url}/me`)).headers.connection, "close");
    assert.equal(await gate.end("SIGTERM"), 0);
  });

  it("that fails answers those who wait, and ends", async (t) => {
    const dataDir = temporaryDirectory(t);
    const hold = await holdDataDir(dataDir);
    const connection = await connectControl(dataDir);
    const answer = connection?.send({ command: "list" })[Symbol.asyncIterator]().next();
    await Promise.all([
      assert.rejects(async () => answer, /revgate ended before it served/),
      // Sent, and taken by the other side, when something that came behind it is there too.
      connectControl(dataDir).then(() => hold.release()),
    ]);
  });
});
