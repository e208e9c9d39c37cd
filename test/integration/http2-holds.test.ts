/** The answer to a logout is held, in whatever form HTTP/2 and gRPC give it. */
import assert from "node:assert/strict";
import { createServer, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { describe, it, type TestContext } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { prepareHeldSyncs } from "../helpers/broken-disk.ts";
import { startGate, untilStartIsNoted } from "../helpers/gate.ts";
import { begin, connectHttp2, type Http2Reply, readReply } from "../helpers/http2.ts";
import { roundTrip } from "../helpers/session-pools.ts";
import { makeToken } from "../helpers/tokens.ts";

/** A logout: what the client sends, what the application answers, and what of that the client gets. */
interface Given {
  readonly grpc?: boolean;
  /** What the client sends, piece by piece; the last ends its request. Default: one. */
  readonly pieces?: readonly string[];
  readonly head?: OutgoingHttpHeaders;
  readonly messages?: readonly string[];
  readonly trailers?: OutgoingHttpHeaders;
  /** When the application answers: at the request's head, at its first piece, or when it is whole; default: then. */
  readonly answersAt?: "head" | "piece";
}

const long = "x".repeat(70_000);
const ok = { "grpc-status": "0", "x-sum": "5" };

const held: Readonly<Record<string, Given>> = {
  "a head alone": {},
  "a head and a body": { messages: ["bye"] },
  "a body and trailers": { messages: ["bye"], trailers: { "x-sum": "5" } },
  "a call's message and trailers": { grpc: true, messages: ["bye"], trailers: ok },
  "a call's head alone, with its status": { grpc: true, head: ok },
  "a call's trailers behind no message": { grpc: true, trailers: ok },
  "a stream of the service": { grpc: true, messages: ["a", "b", "c"], trailers: ok },
  "a stream of the client": { grpc: true, pieces: ["a", "b", "c"], messages: ["3"], trailers: ok },
  "streams of both, the service's first": {
    ...{ grpc: true, pieces: ["a", "b"], messages: ["a", "b"], trailers: ok, answersAt: "head" },
  },
  "streams of both, the client's first": {
    ...{ grpc: true, pieces: ["a", "b"], messages: ["a", "b"], trailers: ok, answersAt: "piece" },
  },
  "a call that is too long to be read": { grpc: true, messages: [long, "end"], trailers: ok },
  "a call without a status": { grpc: true, messages: ["bye"], trailers: { "x-sum": "5" } },
  "a call with two statuses": {
    ...{ grpc: true, messages: ["bye"], trailers: { "grpc-status": ["0", "7"] } },
  },
};

const not = { "grpc-status": "7", "grpc-message": "not now" };
const released: Readonly<Record<string, Given>> = {
  "a status of HTTP": { head: { ":status": 409 }, messages: ["not now"] },
  "a call's message and trailers": { grpc: true, messages: ["no"], trailers: not },
  "a call's head alone, with its status": { grpc: true, head: not },
  "a call with a status of HTTP": { grpc: true, head: { ":status": 503 }, messages: ["away"] },
};

function answer(stream: ServerHttp2Stream, { grpc, head, messages = [], trailers }: Given): void {
  const type = grpc === true ? { "content-type": "application/grpc" } : {};
  const isAlone = messages.length === 0 && trailers === undefined;
  const fields = { ":status": 200, ...type, ...head };
  stream.respond(fields, { endStream: isAlone, waitForTrailers: trailers !== undefined });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers ?? {}));
  for (const message of messages) stream.write(message);
}

/** Starts an application that answers `/logout` so, and everything else with 200. */
async function startApplication(t: TestContext, given: Given): Promise<string> {
  const server = createServer();
  server.on("stream", (stream, { ":path": path }) => {
    stream.on("error", () => {}).resume();
    if (path !== "/logout") {
      stream.respond({ ":status": 200 }, { endStream: true });
      return;
    }
    if (given.answersAt === "head") answer(stream, given);
    if (given.answersAt === "piece") stream.once("data", () => answer(stream, given));
    stream.on("end", () => {
      if (given.answersAt === undefined) answer(stream, given);
      stream.end();
    });
  });
  return `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
}

/** Logs out with every sync of the disk held up; what the client was told until then is `told`. */
async function logOut(t: TestContext, given: Given) {
  const syncs = await prepareHeldSyncs(t);
  const url = await startApplication(t, given);
  const yaml = `
upstream: { url: "${url}", protocol: http2 }
routes: [ { path: /logout, methods: [POST], revoke: token } ]`;
  const gate = await startGate(t, { upstream: url, yaml });
  await untilStartIsNoted(gate);
  const session = await connectHttp2(t, gate.url);
  const token = makeToken();
  const ask = async () => (await readReply(begin(session, { ":path": "/me", token }))).status;
  assert.equal(await ask(), 200);
  syncs.hold();
  const type = given.grpc === true ? { "content-type": "application/grpc", te: "trailers" } : {};
  const stream = begin(session, { ":method": "POST", ":path": "/logout", token, ...type });
  const told: string[] = [];
  for (const event of ["response", "data", "trailers", "close"]) {
    stream.on(event, () => told.push(event));
  }
  const reply = readReply(stream);
  for (const piece of given.pieces ?? ["x"]) stream.write(piece);
  stream.end();
  // The note that the request is about to be sent.
  await syncs.releaseNext();
  return { syncs, session, told, reply, ask };
}

function assertWhole(reply: Http2Reply, { grpc, head, messages = [], trailers = {} }: Given): void {
  assert.equal(reply.reset, 0);
  assert.equal(reply.status, head?.[":status"] ?? 200);
  assert.equal(reply.text, messages.join(""));
  const expected = grpc === true && head !== undefined ? head : trailers;
  const got = grpc === true && head !== undefined ? reply.headers : reply.trailers;
  for (const [name, value] of Object.entries(expected)) {
    if (!name.startsWith(":") && !Array.isArray(value)) assert.equal(got[name], value, name);
  }
}

describe("the answer to a logout over HTTP/2", () => {
  for (const [what, given] of Object.entries(held)) {
    it(`is held until the token is dead, and is whole then: ${what}`, async (t) => {
      const { syncs, session, told, reply, ask } = await logOut(t, given);
      // The revocation is on its way to disk.
      await syncs.arrived();
      // What had been sent before would be here by now.
      await roundTrip(session);
      assert.deepEqual(told, []);
      syncs.letGo();
      assertWhole(await reply, given);
      assert.equal(await ask(), 401);
    });
  }

  for (const [what, given] of Object.entries(released)) {
    it(`passes at once if it tells of a failure: ${what}`, async (t) => {
      const { reply, ask } = await logOut(t, given);
      assertWhole(await reply, given);
      assert.equal(await ask(), 200);
    });
  }
});
