import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { fc } from "../helpers/fast-check.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const token = makeToken();
const smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

const lines = ["GET /me HTTP/1.1", "POST /x HTTP/1.1", "DELETE /x HTTP/1.1", "OPTIONS /x HTTP/1.1"];
const oddLines = [
  "GET /me HTTP/1.0",
  "HEAD /x HTTP/1.1",
  "GET /x",
  "GET  /x HTTP/1.1",
  "get /x HTTP/1.1",
];
const framing = [
  ...[
    "Content-Length: 5",
    `Content-Length: ${smuggled.length}`,
    "Content-Length: 0",
    "Content-Length: +5",
  ],
  ...["Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\tchunked"],
  ...[
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: xchunked",
    " folded",
    "X: \u0000",
  ],
];
const hops = [
  ...["Connection: token, content-length", "Connection: Transfer-Encoding", "Connection: close"],
  ...[
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "Expect: 100-continue",
    "TE: trailers",
  ],
];
const bodies = [
  ...[
    "hello",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0;x=y\r\n\r\n",
    "ffffffffffffffff\r\n",
    "5\nhello\n",
    "\r\n",
  ],
  ...[
    smuggled,
    `${smuggled.length.toString(16)}\r\n${smuggled}\r\n`,
    `0\r\n\r\n${smuggled}`,
    "\u00ff",
    "\n",
  ],
];

/** One request, more or less: what belongs to it is mostly there, and something else may be too. */
const message = fc
  .record({
    line: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...lines) },
      fc.constantFrom(...oddLines),
    ),
    credential: fc.constantFrom([`token: ${token}`], [`token: ${token}`], ["token: x"], []),
    extra: fc.array(fc.constantFrom(...framing, ...hops), { maxLength: 3 }),
    end: fc.constantFrom("\r\n", "\r\n", "\r\n", "\n"),
    body: fc.array(fc.constantFrom(...bodies), { maxLength: 3 }),
  })
  .map(({ line, credential, extra, end, body }) =>
    [[line, "Host: a", ...credential, ...extra, "", ""].join(end), ...body].join(""),
  );

describe("whatever bytes a client sends", () => {
  it("the application gets no request without the token, and revgate goes on serving", async (t) => {
    const application = await startApplication(t, (request, response) => {
      request.resume();
      response.end("ok");
    });
    const gate = await startGate(t, { upstream: application.url, yaml: "routes: []" });
    const messages = fc.array(message, { minLength: 1, maxLength: 3 }).map((all) => all.join(""));
    await fc.assert(
      fc.asyncProperty(messages, async (bytes) => {
        const cleanups: (() => void)[] = [];
        const after = (close: unknown) => void cleanups.push(close as () => void);
        const raw = await openRaw({ after }, gate.port);
        raw.write(bytes);
        // Two exchanges on other connections: by then these bytes have been read and acted on.
        await send(`${gate.adminUrl}/healthz`);
        await send(`${gate.adminUrl}/healthz`);
        for (const close of cleanups) close();
        for (const request of application.seen) assert.equal(request.headers["token"], token);
      }),
      { numRuns: 800, interruptAfterTimeLimit: 20_000 },
    );
    assert.ok(application.seen.length > 20, `${application.seen.length} requests got through`);
    assert.equal((await send(`${gate.adminUrl}/healthz`)).status, 200);
    const headers = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers })).status, 200);
  });
});
