import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import { connect as connectTo, createServer as createWire, type Socket } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setImmediate as nextRound } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { keepSession, keptSessions } from "../../src/node-http/http2/keep-session.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import {
  block,
  flags,
  frame,
  openFrames,
  preface,
  setting,
  types,
  uint32,
} from "../helpers/http2-frames.ts";
import { until } from "../helpers/until.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (how?: object) => void;

/** Collects memory whenever something comes on another connection, so between the events of a session as well. */
async function collectOften(t: TestContext): Promise<void> {
  const port = await listenOnLoopback(
    t,
    createWire((wire) => wire.on("error", () => {}).pipe(wire)),
  );
  for (let i = 0; i < 8; i++) {
    const wire = connectTo(port, "127.0.0.1");
    t.after(() => wire.destroy());
    wire
      .on("error", () => {})
      .on("data", (chunk) => {
        collect({ type: "minor" });
        wire.write(chunk);
      });
    wire.write("x");
  }
}

/** Returns what has memory collected right behind what was written on other connections in the same turn. */
async function openCollector(t: TestContext): Promise<() => void> {
  const port = await listenOnLoopback(
    t,
    createWire((wire) => wire.on("error", () => {}).on("data", () => collect())),
  );
  const wire = connectTo(port, "127.0.0.1").on("error", () => {});
  t.after(() => wire.destroy());
  await once(wire, "connect");
  return () => void wire.write("x");
}

const lines = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, ""]));
/** More than a block may have by default: Node refuses it in its middle. */
const tooMany = Array.from({ length: 200 }, (_, i) => [`x-${i}`, "a"] as const);
const badTrailers = frame(types.headers, flags.endHeaders | flags.endStream, 1, block(tooMany));
const goaway = frame(types.goaway, 0, 0, Buffer.concat([uint32(0), uint32(1)]));

function begin(path: string, ...settings: readonly Buffer[]): Buffer {
  const head = [
    ...([
      [":method", "POST"],
      [":scheme", "http"],
    ] as const),
    ...([
      [":path", path],
      [":authority", "a"],
    ] as const),
    ...([
      ["content-type", "application/grpc"],
      ["te", "trailers"],
    ] as const),
  ];
  return Buffer.concat([
    ...[preface, frame(types.settings, 0, 0, Buffer.concat(settings))],
    frame(types.headers, flags.endHeaders, 1, block(head)),
  ]);
}

function openServer(t: TestContext, onStream: (stream: ServerHttp2Stream) => void) {
  const server = createServer().on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("error", () => {});
    onStream(stream);
  });
  return { server, listen: () => listenOnLoopback(t, server) };
}

const closed = (socket: Socket) => new Promise((resolve) => socket.once("close", resolve));

// Without what is tested Node aborts the process.
describe("a session of HTTP/2", () => {
  it("outlives its streams, of which a refused header block may have left something", async (t) => {
    await collectOften(t);
    const { listen } = openServer(t, (stream) => {
      stream.respond({ ":status": 200, ...lines }, { endStream: true });
    });
    const port = await listen();
    const before = keptSessions();
    for (let i = 0; i < 100; i++) {
      const session = connect(`http://127.0.0.1:${port}`, { maxHeaderListPairs: 40 });
      session.on("error", () => {});
      await once(session, "connect");
      keepSession(session);
      const stream = session.request({ ":path": "/" }).resume();
      stream.on("error", () => {}).on("close", () => session.destroy());
      await once(session, "close");
    }
    await until(() => keptSessions() <= before);
  });

  it("outlives streams of which something is being written when it ends", async (t) => {
    const { server, listen } = openServer(t, (stream) => {
      stream.respond({ ":status": 200 });
      stream.write(Buffer.alloc(4_000_000));
      server.emit("asked");
    });
    server.on("session", (session) => {
      keepSession(session);
      session.once("goaway", () => server.emit("given up"));
    });
    const port = await listen();
    const window = uint32(0x7f00_0000);
    const windows = [frame(types.window, 0, 0, window), frame(types.window, 0, 1, window)];
    for (let i = 0; i < 10; i++) {
      const before = keptSessions();
      const socket = connectTo(port, "127.0.0.1").pause();
      socket.on("error", () => {}).write(begin("/", setting(4, 0)));
      await once(server, "asked");
      // The answer goes out in the middle of this, and more of it than the client takes.
      socket.write(Buffer.concat([...windows, badTrailers, goaway]));
      await once(server, "given up");
      socket.destroy();
      await until(() => keptSessions() <= before);
      // What else refers to it is gone then.
      for (let round = 0; round < 10; round++) await nextRound();
      collect();
    }
  });

  it("outlives its streams on the gateways' port, too, where gRPC makes it", async (t) => {
    const gate = await startGate(t, {
      upstream: "http://127.0.0.1:1",
      yaml: "decisions: { host: 127.0.0.1, port: 0, question: ext_authz }",
    });
    const port = gate.decisionsAddress?.port ?? 0;
    const collectBehind = await openCollector(t);
    for (let i = 0; i < 20; i++) {
      const client = await openFrames(t, port, begin("/envoy.service.auth.v3.Authorization/Check"));
      await client.until(({ type }) => type === types.settings);
      const ended = closed(client.socket);
      client.write(badTrailers, goaway);
      collectBehind();
      await ended;
    }
    await until(() => keptSessions() === 0);
  });
});
