import assert from "node:assert/strict";
import { makeToken, spellingsOf } from "../../helpers/tokens.ts";
import { defineAttacks, type Vector } from "../attack.ts";
import { type Answer, exchange, head } from "../exchange.ts";
import { type Fronted, placeInFront, respellingsOf } from "./fronted.ts";

type Site = readonly Fronted[];

function logOut(port: number, token: string, line = "POST /logout", more: readonly string[] = []) {
  const lines = [`token: ${token}`, "Content-Length: 0", ...more];
  return exchange(port, head(`${line} HTTP/1.1`, lines));
}

/** Whether the application has logged somebody out, as far as it knows. */
function loggedOut({ status, headers }: Answer): boolean {
  return status >= 200 && status < 300 && headers["handled-by"] === "logout";
}

/** However the application was asked: once it has logged out, the token is dead. */
function respelledLogout(line: string, source: string, more: readonly string[] = []): Vector<Site> {
  return {
    name: [line, ...more].join(" with "),
    source,
    async attempt(fronts) {
      for (const { gate, framework } of fronts) {
        const token = makeToken();
        if (!loggedOut(await logOut(gate.port, token, line, more))) continue;
        const after = await exchange(gate.port, head("GET /me HTTP/1.1", [`token: ${token}`]));
        assert.equal(after.status, 401, `${framework.name} logged out, and the token lives`);
      }
    },
  };
}

/** A token that was logged out, sent in another way. */
function respelledToken(
  name: string,
  source: string,
  lines: (token: string) => readonly string[],
): Vector<Site> {
  return {
    name,
    source,
    async attempt([front]) {
      const { port } = front?.gate ?? { port: 0 };
      const token = makeToken();
      assert.equal((await logOut(port, token)).status, 200);
      const after = await exchange(port, head("GET /me HTTP/1.1", lines(token)));
      assert.ok(after.status === 401 || after.status === 400, `answered ${after.status}`);
    },
  };
}

const overrides = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"].flatMap(
  (name) => [
    respelledLogout("GET /logout", "method-override 3", [`${name}: POST`]),
    respelledLogout("PUT /logout", "method-override 3", [`${name}: post`]),
    respelledLogout("GET /logout", "RFC 3875 section 4.1.18", [
      `${name.replaceAll("-", "_")}: POST`,
    ]),
    respelledLogout("GET /LOGOUT/", "method-override 3", [`${name}: POST`]),
    respelledLogout("GET /logout", "method-override 3", [`${name}: GET`, `${name}: POST`]),
    respelledLogout("GET /logout", "method-override 3: before the comma", [`${name}: POST, x`]),
    respelledLogout("PUT /logout", "method-override 3: before the comma", [`${name}: post,`]),
  ],
);

const overridesInQuery = ["_method=POST", "a=b&_method=post", "%5fm%65thod=POST"].map((query) =>
  respelledLogout(`PUT /logout?${query}`, "method-override 3: methodOverride('_method')"),
);

const otherTexts = Array.from({ length: 16 }, (_, index) =>
  respelledToken(
    `spelling ${index} of the last character of the signature`,
    "RFC 4648 section 3.5; FIELD: 16 spellings verify",
    (token) => [`token: ${spellingsOf(token)[index]}`],
  ),
);

const otherWays: [string, string, (token: string) => readonly string[]][] = [
  ["padding", "RFC 4648 section 3.2", (token) => [`token: ${token}==`]],
  ["white space around it", "RFC 9110 section 5.5", (token) => [`token: \t ${token} \t`]],
  ["another letter case of the header", "RFC 9110 section 5.1", (token) => [`ToKeN: ${token}`]],
  ["the header twice", "RFC 9110 section 5.3", (token) => [`token: ${token}`, `Token: ${token}`]],
  [
    "a live token before it",
    "RFC 9110 section 5.3",
    (token) => [`token: ${makeToken()}`, `token: ${token}`],
  ],
  [
    "a live token behind it",
    "RFC 9110 section 5.3",
    (token) => [`token: ${token}`, `token: ${makeToken()}`],
  ],
  ["a list of both", "RFC 9110 section 5.3", (token) => [`token: ${token}, ${makeToken()}`]],
  ["quotes around it", "RFC 9110 section 5.6.4", (token) => [`token: "${token}"`]],
  ["a comment behind it", "RFC 9110 section 5.6.5", (token) => [`token: ${token} (x)`]],
  ["a fourth part", "RFC 7515 section 7.1", (token) => [`token: ${token}.x`]],
  [
    "a nomination by Connection",
    "RFC 9110 section 7.6.1",
    (token) => [`token: ${token}`, "Connection: token"],
  ],
];

export const evading = defineAttacks<Site>({
  name: "Evading the denylist",
  advisories: ["GHSA-rp9m-7r4c-75qg", "CVE-2021-29492", "CVE-2026-42274", "CVE-2025-66490"],
  open: (t, place) => placeInFront(t, place),
  vectors: [
    respelledLogout("POST /logout", "the plain one"),
    ...respellingsOf("/logout").map(([path, source]) => respelledLogout(`POST ${path}`, source)),
    ...overrides,
    ...overridesInQuery,
    respelledLogout("post /logout", "RFC 9110 section 9.1: methods are case-sensitive"),
    respelledLogout("POST  /logout", "RFC 9112 section 3"),
    ...otherTexts,
    ...otherWays.map(([name, source, lines]) => respelledToken(name, source, lines)),
  ],
});
