import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type NetConnectOpts } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { send } from "../../helpers/http.ts";
import { type BuiltGate, startBuiltGate } from "../../helpers/program.ts";
import { publicPem } from "../../helpers/tokens.ts";

/** The secret of the admin API. */
export const secret = "the-secret-of-the-fuzzers";

/** Starts the built revgate in a directory, with an admin secret and everything on that listens. */
export async function startFuzzed(t: TestContext, directory: string): Promise<BuiltGate> {
  writeFileSync(join(directory, "public.pem"), publicPem);
  writeFileSync(join(directory, "secret"), secret);
  const configFile = join(directory, "revgate.yaml");
  writeFileSync(
    configFile,
    `listen: { host: 127.0.0.1, port: 0 }
admin: { host: 127.0.0.1, port: 0, tokenFile: secret, requestsPerSecond: 100000 }
upstream: { url: "http://127.0.0.1:1" }
tokens: { issuer: "https://id", keys: [ { publicKeyFile: public.pem } ] }
signals:
  requestsPerSecond: 100000
  backchannelLogout: [ { audience: shop } ]
  transmitters: [ { issuer: "https://id", audience: shop } ]
denylist: { dataDir: data }
log: { requests: none }
`,
  );
  return startBuiltGate(t, configFile);
}

const patienceMs = 60_000;

/** Sends pieces one after the other, ends, and reads until the other side closes; throws if it does not. */
export async function converse(
  options: NetConnectOpts,
  pieces: readonly Buffer[],
): Promise<string> {
  const socket = connect({ ...options, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  // Pieces go out as they are written.
  socket.setNoDelay(true);
  // A refusal in the middle of what is being sent may end in a reset.
  socket.on("error", () => {});
  const signal = AbortSignal.timeout(patienceMs);
  // From before the first piece: the other side may close in the middle of them.
  const closed = Promise.race([once(socket, "end", { signal }), once(socket, "close", { signal })]);
  closed.catch(() => {});
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await turn();
    socket.write(piece);
  }
  socket.end();
  await closed.catch(() => {});
  socket.destroy();
  assert.ok(!signal.aborted, "left open, without a word");
  return Buffer.concat(chunks).toString("latin1");
}

/** Throws unless the process lives, is not held up, and its last line of defence was not needed. */
export async function assertUnharmed({ child, adminUrl }: BuiltGate): Promise<void> {
  assert.equal(child.exitCode ?? child.signalCode, null, "the process has ended");
  const { status, text } = await send(`${adminUrl}/metrics`);
  assert.equal(status, 200);
  const uncaught = text.match(/^revgate_uncaught_errors_total\{.*\} [1-9]\d*$/gm) ?? [];
  assert.deepEqual(uncaught, []);
}
