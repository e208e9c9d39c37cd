/** What a call of gRPC may wait for, and for how long. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { describe, it } from "node:test";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { begin, connectHttp2, readReply } from "../helpers/http2.ts";
import type { Ending } from "../helpers/shared.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

/** A call as the service has it. */
interface Served {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
}

/** Starts a service that takes calls and does nothing with them, but for `Done`. */
async function startService(t: Ending, settings: { maxConcurrentStreams?: number } = {}) {
  const server = createServer({ settings });
  const calls: Served[] = [];
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {}).resume();
    if (headers[":path"] === "/demo.Shop/Done") finish({ stream, headers });
    else calls.push({ stream, headers });
  });
  const url = `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
  /** Resolves to a call of a method when it has come. */
  const call = async (method: string): Promise<Served> => {
    const find = () => calls.find(({ headers }) => headers[":path"] === `/demo.Shop/${method}`);
    await until(() => find() !== undefined);
    const found = find();
    if (found === undefined) throw new Error(method);
    return found;
  };
  return { url, calls, call };
}

const finish = ({ stream }: Served) => {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end();
};

const headOf = (method: string, token: string, more: Readonly<Record<string, string>> = {}) => ({
  ...{ ":method": "POST", ":path": `/demo.Shop/${method}`, token },
  ...{ "content-type": "application/grpc", te: "trailers", ...more },
});

const routes = "routes: [ { path: /demo.Shop/Logout, methods: [POST], revoke: token } ]";

describe("a call of gRPC", () => {
  it("may pause while its client has nothing to say, before the answer and within it", async (t) => {
    const service = await startService(t);
    const limits =
      "limits: { receiveTimeout: 1s, headersTimeout: 1s, requestTimeout: 1s }\n" +
      `upstream: { url: "${service.url}", protocol: http2, responseTimeout: 100ms, idleTimeout: 100ms }`;
    const gate = await startGate(t, { upstream: service.url, yaml: `${routes}\n${limits}` });
    const session = await connectHttp2(t, gate.url);
    const token = makeToken();
    const quiet = begin(session, headOf("Quiet", token));
    const chat = begin(session, headOf("Chat", token));
    chat.write("hello");
    const { stream } = await service.call("Chat");
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write("hello");
    await once(chat, "data");
    await service.call("Quiet");
    // What began after them and does not pause so is given up first: a body of JSON, and a logout.
    const others = [
      { ...headOf("Other", token), "content-type": "application/json" },
      headOf("Logout", token),
    ].map((head) => {
      const other = begin(session, head);
      other.write("part");
      return readReply(other);
    });
    const [json, logout] = await Promise.all(others);
    assert.equal(json?.status, 408);
    assert.deepEqual([logout?.status, logout?.headers["grpc-status"]], [200, "14"]);
    assert.deepEqual([quiet.closed, chat.closed], [false, false]);
    chat.write("again");
    const again = once(chat, "data");
    stream.write("again");
    assert.equal(String((await again)[0]), "again");
    quiet.end();
    const reply = readReply(quiet);
    finish(await service.call("Quiet"));
    assert.equal((await reply).trailers["grpc-status"], "0");
  });

  it("has its deadline for the answer's head, if that is later than `upstream.responseTimeout`", async (t) => {
    const service = await startService(t);
    const upstream = `upstream: { url: "${service.url}", responseTimeout: 300ms }`;
    const gate = await startGate(t, { upstream: service.url, yaml: `${routes}\n${upstream}` });
    const session = await connectHttp2(t, gate.url);
    const call = (method: string, timeout?: string) => {
      const deadline = timeout === undefined ? {} : { "grpc-timeout": timeout };
      const stream = begin(session, headOf(method, makeToken(), deadline));
      stream.end("x");
      return { stream, reply: readReply(stream) };
    };
    const watch = call("Watch", "99999999H");
    const served = await service.call("Watch");
    assert.equal((await call("Done", "1n").reply).trailers["grpc-status"], "0");
    // They began later.
    for (const [method, timeout] of [["None"], ["Odd", "x"], ["Logout", "1H"]]) {
      const { headers } = await call(method ?? "", timeout).reply;
      assert.equal(headers["grpc-status"], "14", method);
    }
    finish(served);
    assert.equal((await watch.reply).trailers["grpc-status"], "0");
  });

  it("takes its deadline along, and is cancelled at the service when its client gives it up", async (t) => {
    const service = await startService(t);
    const gate = await startGate(t, { upstream: service.url, yaml: routes });
    const session = await connectHttp2(t, gate.url);
    const own = headOf("Me", makeToken(), { "grpc-timeout": "250m" });
    const call = begin(session, own);
    call.end("x");
    const { stream, headers } = await service.call("Me");
    assert.equal(headers["grpc-timeout"], "250m");
    const closed = new Promise((resolve) => stream.once("close", resolve));
    call.close(8);
    await closed;
    assert.notEqual(stream.rstCode, 0);
  });

  it("never reaches the service if its client gives it up while it waits for its turn", async (t) => {
    const service = await startService(t, { maxConcurrentStreams: 1 });
    const upstream = `upstream: { url: "${service.url}", maxConnections: 1, queueTimeout: 5m }`;
    const gate = await startGate(t, { upstream: service.url, yaml: `${routes}\n${upstream}` });
    const session = await connectHttp2(t, gate.url);
    const token = makeToken();
    const call = (method: string) => {
      const begun = begin(session, headOf(method, token));
      begun.end("x");
      return begun;
    };
    // With its answer revgate knows how many streams the service bears.
    await readReply(call("Done"));
    const first = call("First");
    const served = await service.call("First");
    const second = call("Second");
    const waiting = (count: number) => async () =>
      (await send(`${gate.adminUrl}/metrics`)).text.includes(`revgate_upstream_queue ${count}\n`);
    await until(waiting(1));
    second.close(8);
    await until(waiting(0));
    finish(served);
    await readReply(first);
    call("Last");
    await service.call("Last");
    assert.deepEqual(
      service.calls.map(({ headers }) => headers[":path"]),
      ["/demo.Shop/First", "/demo.Shop/Last"],
    );
  });

  it("that is a logout is seen through when its deadline has run out at the client", async (t) => {
    const service = await startService(t);
    const gate = await startGate(t, { upstream: service.url, yaml: routes });
    const session = await connectHttp2(t, gate.url);
    const token = makeToken();
    const logout = begin(session, headOf("Logout", token, { "grpc-timeout": "1S" }));
    logout.end("x");
    const served = await service.call("Logout");
    logout.close(8);
    // The connection is asked until it is known that the reset has been read.
    await new Promise<void>((resolve) => session.ping(() => resolve()));
    assert.equal(served.stream.closed, false);
    finish(served);
    await until(async () => {
      const call = begin(session, headOf("Done", token));
      call.end("x");
      return (await readReply(call)).headers["grpc-status"] === "16";
    });
  });
});
