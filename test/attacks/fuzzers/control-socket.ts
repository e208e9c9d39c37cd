import assert from "node:assert/strict";
import { join } from "node:path";
import { fc } from "../../helpers/fast-check.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { type Fuzzer, tryEach } from "./fuzzer.ts";
import { hostileJson, hostileNumbers, hostileText, mutationsOf, piecesOf } from "./hostile.ts";
import { forgedTokens, signedTokens } from "./hostile-tokens.ts";
import { assertUnharmed, converse, startFuzzed } from "./listener.ts";

const text = hostileText.map((value) => JSON.stringify(value));
const name = fc.oneof(
  fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString("base64url")),
  hostileText,
);
const number = fc.oneof(
  fc.constant(String(Math.floor(Date.now() / 1000) + 600)),
  fc.constantFrom(...hostileNumbers),
);

/** An entry as `revgate import` sends it, any member of which may be wrong. */
const entry = fc
  .tuple(fc.constantFrom("tok", "jti", "sid", "sub", "x"), name, number, fc.option(number))
  .map(([kind, value, expiresAt, cutoff]) => {
    const more = cutoff === null ? "" : `,"cutoff":${cutoff}`;
    return `{"kind":"${kind}","value":${JSON.stringify(value)},"expiresAt":${expiresAt}${more}}`;
  });

const credential = fc.oneof(
  signedTokens,
  forgedTokens,
  fc.constant(undefined).map(() => makeToken()),
);

/** Commands of this version, of another, and of nobody. */
const command = fc.oneof(
  fc
    .tuple(fc.constantFrom("revoke", "check", "explain", "introspect", "nonsense"), credential)
    .map(([verb, token]) => `{"command":"${verb}","credential":${JSON.stringify(token)}}`),
  fc
    .tuple(fc.constantFrom("subject", "jti", "sid", "x"), fc.oneof(text, hostileJson))
    .map(
      ([claim, value]) =>
        `{"command":"end","claim":"${claim}","value":${value},"issuer":"https://id"}`,
    ),
  fc
    .array(entry, { maxLength: 4 })
    .map((entries) => `{"command":"add","entries":[${entries.join()}]}`),
  fc.constantFrom('{"command":"list"}', '{"command":"drain"}', "{}", "null", "[]", ""),
  hostileJson.map((value) => `{"command":${value}}`),
  hostileJson,
);

const line = command.map((json) => Buffer.from(`${json}\n`));
const bytes = fc.oneof(
  { weight: 4, arbitrary: line },
  { weight: 2, arbitrary: mutationsOf(line) },
  { weight: 1, arbitrary: fc.array(line, { maxLength: 3 }).map((all) => Buffer.concat(all)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((raw) => Buffer.from(raw)) },
);
const sent = fc.tuple(bytes, fc.array(fc.nat(100_000), { maxLength: 3 }));

const checkEvery = 200;

/** The control socket, by commands and bytes; then a start on what they have left in the journal. */
export const controlSocketFuzzer: Fuzzer = {
  name: "control-socket",
  claim: "the control socket answers or closes, and leaves a journal that can be read",
  short: { runs: 300, timeLimitMs: 100_000, atLeast: { tried: 100, done: 10 } },
  async fuzz(t, options) {
    const directory = temporaryDirectory(t);
    const gate = await startFuzzed(t, directory);
    const socket = { path: join(directory, "data/control.sock") };
    const counts = { tried: 0, done: 0, refused: 0 };
    await tryEach(sent, options, async ([input, cuts]) => {
      counts.tried += 1;
      const answer = await converse(socket, piecesOf(input, cuts));
      const lines = answer.split("\n").slice(0, -1);
      for (const each of lines) JSON.parse(each);
      if (lines.at(-1) === '{"done":true}') counts.done += 1;
      else if (lines.length > 0) counts.refused += 1;
      if (counts.tried % checkEvery === 0) await assertUnharmed(gate);
    });
    await assertUnharmed(gate);
    assert.equal(await gate.end("SIGTERM"), 0);
    const again = await startFuzzed(t, directory);
    await assertUnharmed(again);
    assert.equal(await again.end("SIGTERM"), 0);
    return counts;
  },
};
