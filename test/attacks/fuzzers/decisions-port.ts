import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Client, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import { loadGrpc } from "../../../src/decisions/grpc/load-grpc.ts";
import type { CheckResponse } from "../../../src/decisions/grpc/messages.ts";
import { fc } from "../../helpers/fast-check.ts";
import { startGate, type TestGate } from "../../helpers/gate.ts";
import { send } from "../../helpers/http.ts";
import { untilNothingIsLeft } from "../../helpers/left-over.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { type Field, wire } from "../../helpers/wire.ts";
import { type Fuzzer, type FuzzOptions, tryEach } from "./fuzzer.ts";
import { hostileText, mutationsOf } from "./hostile.ts";

const { grpc, services } = loadGrpc();
const check = services.authorization["Check"] as MethodDefinition<object, CheckResponse>;
const process = services.processor["Process"] as MethodDefinition<object, Shown>;
type Shown = { readonly immediateResponse?: object };
const [live, revoked] = [makeToken({ jti: "live" }), makeToken({ jti: "revoked" })];

/** Header lines, by `tokens` in the right place more often than not. */
const linesWith = (tokens: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.constantFrom("GET", "GET", "POST", "OPTIONS", "TRACE", ""),
      fc.constantFrom("/me", "/me", "/a?b=c", "/a/b", "//", "/a%2f", "*", "", "/;/"),
      tokens,
      fc.array(
        fc.tuple(
          fc.oneof(
            fc.constantFrom(":path", ":method", ":authority", "host", "token", "cookie", "te"),
            hostileText,
          ),
          hostileText,
        ),
        { maxLength: 2 },
      ),
    )
    .map(([method, path, token, more]): [string, string][] => [
      [":method", method],
      [":path", path],
      [":authority", "shop.example"],
      ["token", token],
      ...more,
    ]);

const asText = ([key, value]: [string, string]): Field[] => [
  [1, key],
  [2, value],
];
const asBytes = ([key, value]: [string, string]): Field[] => [
  [1, key],
  [3, Buffer.from(value)],
];

/** A `CheckRequest`, its lines in either form. */
const questions = (tokens: fc.Arbitrary<string>) =>
  fc.tuple(linesWith(tokens), fc.boolean()).map(([lines, raw]) => {
    const headers: Field[] = raw
      ? [[13, lines.map((line): Field => [1, asBytes(line)])]]
      : lines.map((line): Field => [3, asText(line)]);
    return wire([1, [[4, [[2, [[4, lines[1]?.[1] ?? ""], [5, "shop.example"], ...headers]]]]]]);
  });

/** A `ProcessingRequest`, the head of a request more often than not. */
const messages = (tokens: fc.Arbitrary<string>) =>
  fc
    .tuple(linesWith(tokens), fc.constantFrom(2, 2, 2, 2, 3, 4, 7, 10))
    .map(([lines, section]) =>
      wire([section, [[1, lines.map((line): Field => [1, asBytes(line)])]]]),
    );

const bytes = (right: fc.Arbitrary<Buffer>) =>
  fc.oneof({ weight: 3, arbitrary: right }, { weight: 2, arbitrary: mutationsOf(right) });

const identity = (message: Buffer) => message;
const deadline = () => ({ deadline: Date.now() + 60_000 });

/** Whether `Check` says yes; an error is no. */
function isAllowed(client: Client, question: Buffer): Promise<boolean> {
  const path = "/envoy.service.auth.v3.Authorization/Check";
  return new Promise((resolve) => {
    const done = (error: ServiceError | null, answer?: Buffer) =>
      resolve(error === null && answer !== undefined && !isDenial(answer));
    client.makeUnaryRequest(path, identity, identity, question, deadline(), done);
  });
}

/** Whether a `CheckResponse` has a code that is not 0, and what is answered. */
function isDenial(answer: Buffer): boolean {
  const { status, okResponse } = check.responseDeserialize(answer);
  return (status?.code ?? 0) !== 0 && okResponse === undefined;
}

/** Whether Envoy would let a request pass: a stream that ends without an error and without an answer says so, too. */
function isPassed(client: Client, shown: readonly Buffer[]): Promise<boolean> {
  const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
  const stream = client.makeBidiStreamRequest(path, identity, identity, deadline());
  return new Promise((resolve) => {
    stream.on("data", (answer: Buffer) => {
      resolve(process.responseDeserialize(answer).immediateResponse === undefined);
      stream.cancel();
    });
    // Behind an answer, neither changes what was resolved.
    stream.on("error", () => resolve(false)).on("end", () => resolve(true));
    for (const message of shown) stream.write(message);
  });
}

/** A logout that the application answers 200. */
async function logOut(client: Client): Promise<void> {
  const lines: [string, string][] = [
    [":method", "POST"],
    [":path", "/logout"],
    [":authority", "shop.example"],
    ["token", revoked],
  ];
  const path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
  const stream = client.makeBidiStreamRequest(path, identity, identity, deadline());
  stream.write(wire([2, [[1, lines.map((line): Field => [1, asBytes(line)])]]]));
  stream.once("data", () => stream.write(wire([3, [[1, [[1, asBytes([":status", "200"])]]]]])));
  await new Promise((resolve, reject) => stream.on("end", resolve).on("error", reject).resume());
}

async function open(t: TestContext, question: string): Promise<{ gate: TestGate; client: Client }> {
  const gate = await startGate(t, {
    upstream: "http://127.0.0.1:1",
    yaml: `decisions: { host: 127.0.0.1, port: 0, question: ${question} }\nroutes: [ { path: /logout, revoke: token } ]\nlog: { requests: none }`,
  });
  const address = `127.0.0.1:${gate.decisionsAddress?.port}`;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  t.after(() => client.close());
  return { gate, client };
}

/** Throws if the last line of defence was needed. */
async function assertUnharmed({ adminUrl }: TestGate): Promise<void> {
  const { text } = await send(`${adminUrl}/metrics`);
  assert.deepEqual(text.match(/^revgate_uncaught_errors_total\{.*\} [1-9]\d*$/gm) ?? [], []);
}

const dead = fc.oneof(fc.constant(revoked), fc.constant(""), hostileText);

/** The port on which Envoy asks, over both of its services. */
export const decisionsPortFuzzer: Fuzzer = {
  name: "decisions-port",
  claim: "Envoy gets no yes without a live token, whatever its messages hold",
  short: { runs: 200, timeLimitMs: 120_000, atLeast: { refused: 40, passed: 2 } },
  async fuzz(t, { runs, timeLimitMs, ...options }) {
    const counts = { refused: 0, passed: 0 };
    const authorization = await open(t, "ext_authz");
    const processor = await open(t, "ext_proc");
    const asks = [
      [questions, (message: Buffer) => isAllowed(authorization.client, message)],
      [messages, (message: Buffer) => isPassed(processor.client, [message])],
    ] as const;
    const part: FuzzOptions = {
      ...options,
      runs: Math.ceil(runs / 4),
      timeLimitMs: timeLimitMs / 4,
    };
    const logout: Field[] = [
      [2, "POST"],
      [4, "/logout"],
      [5, "shop.example"],
      [3, asText(["token", revoked])],
    ];
    assert.ok(await isAllowed(authorization.client, wire([1, [[4, [[2, logout]]]]])));
    await logOut(processor.client);
    for (const [make, ask] of asks) {
      await tryEach(bytes(make(dead)), part, async (message) => {
        assert.equal(await ask(message), false);
        counts.refused += 1;
      });
      await tryEach(bytes(make(fc.constant(live))), part, async (message) => {
        if (await ask(message)) counts.passed += 1;
      });
    }
    for (const { gate, client } of [authorization, processor]) {
      client.close();
      await assertUnharmed(gate);
      await untilNothingIsLeft(gate);
    }
    return counts;
  },
};
