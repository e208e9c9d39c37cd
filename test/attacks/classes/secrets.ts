import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startApplication } from "../../helpers/application.ts";
import { send } from "../../helpers/http.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";

interface Site {
  readonly gate: Gatekeeper;
}

const source = "CWE-532; FIELD: tokens never in logs";

/** Puts a secret somewhere into a request; it must not come out anywhere but at the application. */
function hides(name: string, request: (secret: string) => string): Vector<Site> {
  return {
    name,
    source,
    async attempt({ gate }) {
      const secret = randomBytes(24).toString("base64url");
      const { text } = await exchange(gate.port, request(secret));
      assert.ok(!text.includes(secret), "in the answer");
      const metrics =
        gate.adminUrl === undefined ? "" : (await send(`${gate.adminUrl}/metrics`)).text;
      assert.ok(!metrics.includes(secret), "in the metrics");
      assert.ok(!gate.logged().includes(secret), "in the log");
    },
  };
}

const get =
  (line: (secret: string) => string, target = "/me") =>
  (secret: string) =>
    head(`GET ${target} HTTP/1.1`, [line(secret)]);
/** A token that is right, whose last part stands for it. */
const own = makeToken();
const signatureOf = (token: string) => token.split(".")[2] ?? "";

/** A right token on its way through everything that can happen to it. */
const lives: Vector<Site> = {
  name: "a token that is used, logged out and used again",
  source,
  async attempt({ gate }) {
    for (const line of ["GET /me", "POST /logout", "GET /me", "GET /me?x"]) {
      const bytes = head(`${line} HTTP/1.1`, [`token: ${own}`, "Content-Length: 0"]);
      const { text } = await exchange(gate.port, bytes);
      assert.ok(!text.includes(signatureOf(own)), "in the answer");
    }
    assert.ok(!gate.logged().includes(signatureOf(own)), "in the log");
    assert.ok(!gate.logged().includes(own.split(".")[1] ?? ""), "its claims in the log");
  },
};

export const secrets = defineAttacks<Site>({
  name: "Secrets in logs and answers",
  advisories: ["CWE-532", "GHSA-c5c4-8r6x-56w3"],
  async open(t, place) {
    const application = await startApplication(t, (request, response) => {
      if (request.url === "/reset") request.socket.destroy();
      else response.end("ok");
    });
    // At the most talkative level.
    const yaml = `tokens:
  from: [ { header: token }, { header: x-session-key }, { header: authorization, scheme: Bearer }, { cookie: session } ]
  keys: [ { publicKeyFile: public.pem } ]
log: { level: trace, requests: all }
`;
    return { gate: await place(t, { upstream: application.url, yaml }) };
  },
  vectors: [
    hides(
      "in the token header",
      get((secret) => `token: ${secret}`),
    ),
    hides(
      "in a token's signature",
      get((secret) => `token: ${own}${secret}`),
    ),
    hides(
      "in a configured header of another name",
      get((secret) => `X-Session-Key: ${secret}`),
    ),
    hides(
      "in Authorization: Bearer",
      get((secret) => `Authorization: Bearer ${secret}`),
    ),
    hides(
      "in Authorization: Basic",
      get((secret) => `Authorization: Basic ${secret}`),
    ),
    hides(
      "in the configured cookie",
      get((secret) => `Cookie: session=${secret}`),
    ),
    hides(
      "in another cookie",
      get((secret) => `Cookie: sid=${secret}; session=x`),
    ),
    hides(
      "in any other header",
      get((secret) => `X-Api-Key: ${secret}`),
    ),
    hides("in the query string", (secret) => head(`GET /me?access_token=${secret} HTTP/1.1`)),
    hides("in the query string of an open path", (secret) =>
      head(`GET /static/a?token=${secret} HTTP/1.1`),
    ),
    hides("behind a # in the target", (secret) => head(`GET /me#${secret} HTTP/1.1`)),
    hides("in the user of an absolute target", (secret) =>
      head(`GET http://a:${secret}@b/me HTTP/1.1`),
    ),
    hides(
      "in Host",
      (secret) => `GET /me HTTP/1.1\r\nHost: a:${secret}@b\r\nConnection: close\r\n\r\n`,
    ),
    hides(
      "in an id of the request",
      get((secret) => `X-Request-Id: " ${secret}`),
    ),
    hides(
      "in Forwarded",
      get((secret) => `Forwarded: for="${secret}"`),
    ),
    hides(
      "in a body that is not wanted",
      (secret) => `${head("POST /me HTTP/1.1", [`Content-Length: ${secret.length}`])}${secret}`,
    ),
    hides(
      "in a body that is passed on",
      (secret) => `${head("POST /login HTTP/1.1", [`Content-Length: ${secret.length}`])}${secret}`,
    ),
    hides(
      "in a line that is no header",
      get((secret) => `token ${secret}`),
    ),
    hides("in a method", (secret) => head(`${secret.replace(/[^A-Za-z]/g, "")} /me HTTP/1.1`)),
    hides("in a version", (secret) => head(`GET /me HTTP/${secret}`)),
    hides(
      "in a token beside another",
      get((secret) => `token: ${secret}\r\nAuthorization: Bearer ${own}`),
    ),
    hides("in a request that breaks the application off", (secret) =>
      head("GET /reset HTTP/1.1", [`token: ${makeToken()}`, `X-Api-Key: ${secret}`]),
    ),
    hides("in a WebSocket handshake", (secret) =>
      [
        "GET /ws HTTP/1.1",
        "Host: a",
        "Connection: Upgrade",
        "Upgrade: websocket",
        `Sec-WebSocket-Protocol: bearer, ${secret}`,
        `token: ${secret}`,
        "\r\n",
      ].join("\r\n"),
    ),
    lives,
  ],
});
