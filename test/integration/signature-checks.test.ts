import assert from "node:assert/strict";
import { request } from "node:http";
import { describe, it, type TestContext } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate, type TestGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const connections = 64;
const forgedEach = 30;

/** Sends forged tokens, all different, until the test is over; returns the statuses of those that were answered. */
async function flood(t: TestContext, { port }: TestGate): Promise<() => number[]> {
  const [head, payload, signature = ""] = makeToken().split(".");
  const raws = await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      const raw = await openRaw(t, port);
      const requests = Array.from({ length: forgedEach }, (_, i) => {
        const number = String(connection * forgedEach + i).padStart(16, "0");
        const token = `${head}.${payload}.${number}${signature.slice(16)}`;
        return `GET /me HTTP/1.1\r\nHost: shop\r\ntoken: ${token}\r\n\r\n`;
      });
      raw.write(requests.join(""));
      return raw;
    }),
  );
  return () => raws.flatMap((raw) => statusesIn(raw.received()));
}

/** The status that a client at another address gets. */
function askFrom(localAddress: string, port: number, token: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, localAddress, path: "/me", headers: { token } };
    const asked = request({ ...options, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    asked.on("error", reject).end();
  });
}

describe("a flood of forged tokens", () => {
  it("waits for itself: known tokens go first, and other clients' new ones take turns with it", async (t) => {
    const application = await startApplication(t, (_, response) => response.end("ok"));
    const yaml = "limits: { signatureCheckShare: 1 }\nlog: { requests: none }";
    const gate = await startGate(t, { upstream: application.url, yaml });
    const known = { token: makeToken() };
    assert.equal((await send(`${gate.url}/me`, { headers: known })).status, 200);

    const answered = await flood(t, gate);
    const hasWaited = /^revgate_signature_check_waits_total{result="turn"} [1-9]/m;
    const all = connections * forgedEach;
    await until(async () => {
      const { text } = await send(`${gate.adminUrl}/metrics`);
      return hasWaited.test(text) || answered().length === all;
    });
    for (let i = 0; i < 20; i += 1) {
      assert.equal((await send(`${gate.url}/me`, { headers: known })).status, 200);
    }
    assert.equal(await askFrom("127.0.0.2", gate.port, makeToken()), 200);
    const forged = answered();
    assert.ok(
      forged.length < connections * forgedEach,
      `${forged.length} forged tokens went first`,
    );
    assert.deepEqual(new Set(forged), new Set([401]));
  });
});
