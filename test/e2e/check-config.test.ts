import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { revgate } from "../helpers/command.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { keyPair, publicPem } from "../helpers/tokens.ts";

async function checkConfig(t: TestContext, yaml: string, env: NodeJS.ProcessEnv = {}) {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "public.pem"), publicPem);
  const privatePem = keyPair.privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(join(directory, "private.pem"), privatePem);
  const file = join(directory, "revgate.yaml");
  writeFileSync(file, yaml);
  const { code, stdout, stderr } = await revgate(["check-config", "--config", file], { env });
  const problems = stderr
    .trim()
    .split("\n")
    .map((line) => line.replace(`${file}:`, ""));
  return { code, stdout, problems };
}

const keys = "tokens: { keys: [ { publicKeyFile: public.pem } ] }";

describe("check-config", () => {
  it("accepts a minimal configuration and says what it comes to", async (t) => {
    const yaml = `${keys}\nroutes: [ { path: /login, access: public }, { path: /logout, revoke: token } ]\n`;
    const { code, stdout } = await checkConfig(t, yaml);
    assert.equal(code, 0);
    assert.match(stdout, /good\. 2 route rules \(1 public, 0 optional, 1 revoking\)/);
  });

  it("notes what a rule can't do, and accepts it", async (t) => {
    const rule = "{ path: /reset, access: public, revoke: subject, subjectFrom: { form: user } }";
    const { code, stdout } = await checkConfig(t, `${keys}\nroutes:\n  - ${rule}\n`);
    assert.equal(code, 0);
    assert.match(stdout, /revgate\.yaml:3:5 routes\[0\]: note: only the request names the subject/);
  });

  it("names all five of five mistakes with line and column, and exits 2", async (t) => {
    const { code, problems } = await checkConfig(
      t,
      `listen:
  port: 80800
  hots: 0.0.0.0
upstream:
  connectTimeout: 5
tokens:
  algorithms: [RS256, none]
  keys:
    - publicKeyFile: public.pem
routes:
  - path: logout
    revoke: token
`,
    );
    assert.equal(code, 2);
    assert.deepEqual(
      problems.sort(),
      [
        '11:11 routes[0].path: expected a path in canonical form, such as "/login", with "*" or "{name}" only as a whole segment, got "logout"',
        "2:9 listen.port: expected a whole number of a TCP port from 0 to 65535, got 80800",
        "3:3 listen.hots: unknown setting",
        '5:19 upstream.connectTimeout: expected a duration from 10ms to 5m, such as "2s", got 5',
        '7:23 tokens.algorithms[1]: expected "RS256" or "RS384" or "RS512" or "PS256" or "PS384" or "PS512" or "ES256" or "ES384" or "ES512" or "EdDSA" or "Ed25519" or "HS256" or "HS384" or "HS512", got "none"',
      ].sort(),
    );
  });

  it("checks every file that is named, and names them all", async (t) => {
    const { code, problems } = await checkConfig(
      t,
      `listen: { tls: { certFile: cert.pem, keyFile: key.pem } }
tokens:
  keys:
    - publicKeyFile: missing.pem
    - publicKeyFile: private.pem
`,
    );
    assert.equal(code, 2);
    assert.equal(problems.length, 4);
    assert.ok(
      problems.some((line) =>
        line.startsWith("4:22 tokens.keys[0].publicKeyFile: missing.pem cannot be read (ENOENT)"),
      ),
    );
    assert.ok(problems.some((line) => /^5:22 .*holds a private key/.test(line)));
    assert.ok(
      problems.some((line) => line.startsWith("1:28 listen.tls.certFile: cert.pem cannot be read")),
    );
  });

  it("puts the environment in, as values and never as structure", async (t) => {
    const yaml = `${keys}\nlisten: { port: 0 }\nupstream:\n  url: \${APP_URL}\nlog:\n  level: \${LEVEL:-warn}\nadmin:\n  port: \${PORT}\n`;
    const good = await checkConfig(t, yaml, { APP_URL: "http://10.0.0.1:3000", PORT: "9191" });
    assert.equal(good.code, 0, good.problems.join("\n"));
    const unset = await checkConfig(t, yaml, { PORT: "1" });
    assert.match(unset.problems.join(), /^4:8: environment variable APP_URL is not set/);
    const hostile = { APP_URL: "http://a:1\nroutes: [ { path: /, access: public } ]", PORT: "1" };
    assert.equal((await checkConfig(t, yaml, hostile)).code, 2);
  });

  const mistakes: [string, string, RegExp][] = [
    ["no keys", "listen: {}", /tokens: expected a group of settings, got nothing/],
    ["an empty file", "", /tokens: expected a group of settings/],
    ["broken YAML", "listen: [", /^\d+:\d+: /],
    [
      "a public path that is no canonical one",
      `${keys}\nroutes: [ { path: /a/../b, access: public } ]`,
      /canonical form/,
    ],
    [
      "a pattern inside a segment",
      `${keys}\nroutes: [ { path: /a*, access: public } ]`,
      /whole segment/,
    ],
    [
      "a source that is two",
      "tokens: { from: [ { header: a, cookie: b } ], keys: [ { publicKeyFile: public.pem } ] }",
      /expected one of header, cookie/,
    ],
    [
      "an upstream with a path",
      `${keys}\nupstream: { url: "http://a/b" }`,
      /with host and port only/,
    ],
    [
      "a body that is not JSON",
      `${keys}\nerrors: { body: '{"m": "\${message}"}' }`,
      /without quotes/,
    ],
    [
      "a key that serves no algorithm",
      "tokens: { algorithms: [ES256], keys: [ { publicKeyFile: public.pem } ] }",
      /serves none/,
    ],
    [
      "a head that may take longer than its request",
      `${keys}\nlimits: { requestTimeout: 5s }`,
      /limits.headersTimeout: expected headersTimeout to be no longer/,
    ],
    [
      "a trusted proxy that is no address",
      `${keys}\nlisten: { trustedProxies: [ everybody ] }`,
      /CIDR/,
    ],
  ];
  for (const [what, yaml, message] of mistakes) {
    it(`refuses ${what}`, async (t) => {
      const { code, problems } = await checkConfig(t, yaml);
      assert.equal(code, 2);
      assert.match(problems.join("\n"), message);
    });
  }

  it("does not print the password in a URL", async (t) => {
    const yaml = `${keys}\ndenylist: { redis: { url: "http://user:hunter2@redis:6379" } }`;
    const { problems } = await checkConfig(t, yaml);
    assert.match(problems.join(), /expected redis:/);
    assert.doesNotMatch(problems.join(), /hunter2/);
  });
});
