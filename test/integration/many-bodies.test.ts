import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { openRaw, send, statusesIn } from "../helpers/http.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - { path: /open, access: public }
  # A framework may find "_method" in the body of a POST.
  - { path: /items, methods: [DELETE], access: protected }
  - { path: /items, methods: [POST], access: public }`;

const count = 60;
const members = Array.from({ length: 999 }, (_, i) => `"Member ${i}":[${"0,".repeat(20)}0]`);
const bodies = [
  ["application/x-www-form-urlencoded", `a=u${"&%41.%20[b]=1;c[d][e]=%20".repeat(499)}`],
  ["application/json", `{"user":"u",${members.join()}}`],
] as const;

for (const [type, body] of bodies) {
  describe(`bodies without a token whose last bytes come together (${type})`, () => {
    it("are read one after the other: a request that comes behind them goes first", async (t) => {
      const order: (string | undefined)[] = [];
      const held: ServerResponse[] = [];
      const { url: upstream } = await startApplication(t, (request, response) => {
        order.push(request.url);
        if (request.url === "/open?held") held.push(response);
        else request.resume().on("end", () => response.end("ok"));
      });
      const gate = await startGate(t, { upstream, yaml: routes });
      const other = await openRaw(t, gate.port);
      // For each a connection to the application is there: what is forwarded first comes first.
      const before = Array.from({ length: count + 1 }, () => send(`${gate.url}/open?held`));
      await until(() => held.length === count + 1);
      for (const response of held) response.end();
      await Promise.all(before);
      const raws = await Promise.all(Array.from({ length: count }, () => openRaw(t, gate.port)));
      const head = `POST /items HTTP/1.1\r\nHost: shop\r\nContent-Type: ${type}\r\n`;
      for (const raw of raws) {
        raw.write(`${head}Content-Length: ${body.length}\r\n\r\n${body.slice(0, -1)}`);
      }
      assert.equal((await send(`${gate.url}/open`)).status, 200);
      order.length = 0;
      for (const raw of raws) raw.write(body.slice(-1));
      other.write("GET /open HTTP/1.1\r\nHost: shop\r\n\r\n");
      await until(() => raws.every((raw) => statusesIn(raw.received()).length === 1));
      assert.deepEqual(new Set(raws.flatMap((raw) => statusesIn(raw.received()))), new Set([200]));
      const place = order.indexOf("/open");
      assert.equal(order.length, count + 1);
      assert.ok(place < count / 2, `${place} of ${count} bodies went first`);
    });
  });
}
