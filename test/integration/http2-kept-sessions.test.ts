import { once } from "node:events";
import { connect, createServer, type ServerHttp2Stream } from "node:http2";
import { connect as connectTo, createServer as createWire } from "node:net";
import { describe, it, type TestContext } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { keepSession, keptSessions } from "../../src/node-http/http2/keep-session.ts";
import { listenOnLoopback } from "../helpers/application.ts";
import { until } from "../helpers/until.ts";

/** Collects memory whenever something comes on another connection, so between the events of a session as well. */
async function collectOften(t: TestContext): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (how: object) => void;
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

const lines = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, ""]));

describe("a session of HTTP/2", () => {
  it("outlives its streams, of which a refused header block may have left something", async (t) => {
    await collectOften(t);
    const server = createServer().on("session", (session) => session.on("error", () => {}));
    server.on("stream", (stream: ServerHttp2Stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200, ...lines }, { endStream: true });
    });
    const port = await listenOnLoopback(t, server);
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
    // Without it Node aborts the process by now.
    await until(() => keptSessions() <= before);
  });
});
