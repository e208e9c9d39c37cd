import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { WebSocketServer } from "ws";
import { startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { launchChromium } from "../helpers/chromium.ts";
import { startGate } from "../helpers/gate.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const yaml = `
listen: { host: 127.0.0.1, port: 0, tls: { certFile: cert.pem, keyFile: key.pem } }
tokens: { keys: [ { publicKeyFile: public.pem } ], from: [ { cookie: session } ] }
routes:
  - { path: /, methods: [GET], access: public }
  - { path: /favicon.ico, access: public }
  - { path: /login, methods: [POST], access: public }
  - { path: /logout, methods: [POST], revoke: token }
`;

/** An application whose login sets a cookie; its events never end by themselves. */
function answer({ url }: IncomingMessage, response: ServerResponse): void {
  if (url === "/login") {
    const cookie = `session=${makeToken()}; Path=/; HttpOnly; Secure; SameSite=Strict`;
    response.writeHead(204, { "Set-Cookie": cookie }).end();
  } else if (url === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    // The browser tries again at once when its stream has ended.
    response.write("retry: 1\ndata: first\n\n");
  } else {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<title>shop</title>");
  }
}

describe("Chromium over TLS", () => {
  let browser: Browser;
  before(async () => {
    browser = await launchChromium();
  });
  after(() => browser.close());

  it("speaks HTTP/2, and HTTP/1.1 for a WebSocket beside it: a logout ends all of its tab", async (t) => {
    const directory = temporaryDirectory(t);
    makeCertificate(directory);
    const application = await startApplication(t, answer);
    const sockets = new WebSocketServer({ server: application.server, path: "/socket" });
    sockets.on("connection", (socket) => socket.send("welcome"));
    const gate = await startGate(t, {
      ...{ upstream: application.url, directory, scheme: "https" as const, yaml },
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    const statusOf = (method: string, path: string): Promise<number> =>
      page.evaluate(`fetch("${path}", { method: "${method}" }).then(({ status }) => status)`);

    await page.goto(gate.url);
    assert.equal(await page.title(), "shop");
    assert.equal(await statusOf("GET", "/me"), 401);
    assert.equal(await statusOf("POST", "/login"), 204);
    assert.equal(await statusOf("GET", "/me"), 200);
    const protocols = await page.evaluate(`
      ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type))
        .map(({ nextHopProtocol }) => nextHopProtocol)`);
    assert.deepEqual(new Set(protocols as string[]), new Set(["h2"]));

    const said = await page.evaluate(`(async () => {
      events = new EventSource("/events");
      socket = new WebSocket(location.origin.replace("https", "wss") + "/socket");
      cutWith = new Promise((resolve) => { socket.onclose = ({ code }) => resolve(code); });
      const first = (source) => new Promise((resolve, reject) => {
        source.onmessage = ({ data }) => resolve(data);
        source.onerror = () => reject(new Error("no message"));
      });
      return Promise.all([events, socket].map(first));
    })()`);
    assert.deepEqual(said, ["first", "welcome"]);

    assert.equal(await statusOf("POST", "/logout"), 200);
    assert.equal(await statusOf("GET", "/me"), 401);
    assert.equal(await page.evaluate("cutWith"), 4401, "the WebSocket");
    // It is cut, and then refused.
    await page.waitForFunction("events.readyState === EventSource.CLOSED", undefined, {
      timeout: 60_000,
    });
    const versionsOf = (path: string) =>
      new Set(
        gate
          .logged()
          .split("\n")
          .flatMap((line) => (line.includes(`"path":"${path}"`) ? [JSON.parse(line).http] : [])),
      );
    // A line is written once all of its connection is over.
    await until(() => versionsOf("/events").size > 0 && versionsOf("/socket").size > 0);
    assert.deepEqual(versionsOf("/events"), new Set(["2"]));
    assert.deepEqual(versionsOf("/socket"), new Set(["1.1"]));
  });
});
