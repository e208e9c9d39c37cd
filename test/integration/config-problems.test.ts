import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";

/** What is wrong with a configuration, without the name of its file. */
async function problemsOf(t: TestContext, yaml: string): Promise<readonly string[]> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "public.pem"), publicPem);
  const file = join(directory, "revgate.yaml");
  writeFileSync(file, yaml);
  const error = await loadConfig(file, {}).catch((reason: unknown) => reason);
  assert.ok(error instanceof ConfigError, String(error));
  return error.problems.map((problem) => problem.replace(`${file}:`, ""));
}

const key = "{ publicKeyFile: public.pem }";

describe("what is said of a configuration that can't be used", () => {
  for (const password of ["secret", "sec@ret", "s/ec/ret", 'sec"ret', "s@e:c@ret"]) {
    it(`holds no password of a URL: ${password}`, async (t) => {
      const url = `redis://user:${password}@redis:6379/0?wrong`;
      const [problem = ""] = await problemsOf(
        t,
        `tokens: { keys: [ ${key} ] }\ndenylist: { redis: { url: '${url}' } }`,
      );
      assert.match(problem, /^2:27 denylist\.redis\.url: expected .*got "redis:\/\/…@redis:6379/);
      assert.doesNotMatch(problem, /s.?e.?c.?ret|user/);
    });
  }

  for (const mistyped of ["redis//", "redis:/", "redis:", "", "//", "rediss;//"]) {
    it(`holds no password of a URL that is none: ${mistyped}`, async (t) => {
      const url = `${mistyped}:sec@ret@redis:6379`;
      const [problem = ""] = await problemsOf(
        t,
        `tokens: { keys: [ ${key} ] }\ndenylist: { redis: { url: '${url}' } }`,
      );
      assert.match(problem, /^2:27 denylist\.redis\.url: expected .*got "…@redis:6379"/);
    });
  }

  for (const setting of ["upstream: { url", "tokens: { jwks: { proxy"]) {
    for (const credentials of ["user", "user:secret", ":secret"]) {
      it(`refuses ${setting} with ${credentials}, and does not repeat the password`, async (t) => {
        const end = setting.startsWith("tokens") ? "}}" : "}";
        const yaml = `${setting}: 'http://${credentials}@host.example:3128' ${end}`;
        const problems = (await problemsOf(t, yaml)).join("\n");
        assert.match(problems, /(?:upstream\.url|jwks\.proxy): expected .*got "http:\/\/…@host/);
        assert.doesNotMatch(problems, /secret/);
      });
    }
  }

  for (const credentials of ["user", "user:secret", ":secret"]) {
    it(`refuses a key set's URL with ${credentials}, and does not repeat the password`, async (t) => {
      const url = `https://${credentials}@id.example.com/jwks`;
      const [problem = ""] = await problemsOf(t, `tokens: { keys: [ { jwksUrl: '${url}' } ] }`);
      assert.match(problem, /^1:30 tokens\.keys\[0\]\.jwksUrl: expected a URL/);
      assert.doesNotMatch(problem, /secret/);
    });
  }

  it("names every Redis address that is none, each by itself", async (t) => {
    const redis = "denylist: { redis: { cluster: [ 'redis://a:1', 'nonsense', '<' ] } }";
    const problems = await problemsOf(t, `tokens: { keys: [ ${key} ] }\n${redis}`);
    assert.deepEqual(
      problems.map((problem) => problem.split(": ")[0]),
      ["2:48 denylist.redis.cluster[1]", "2:60 denylist.redis.cluster[2]"],
    );
  });

  it("names an issuer that is there as the main one already", async (t) => {
    const issuers = `[ { issuer: 'https://a', keys: [ ${key} ] } ]`;
    const yaml = `tokens:\n  keys: [ ${key} ]\n  issuer: https://a\n  issuers: ${issuers}`;
    assert.deepEqual(await problemsOf(t, yaml), [
      "4:24 tokens.issuers[0].issuer: expected another issuer than tokens.issuer; put all keys of that issuer into tokens.keys",
    ]);
  });

  it("names listeners that meet, and an application that is revgate itself", async (t) => {
    const yaml = `admin: { port: 8080 }\nupstream: { url: 'http://localhost:8080' }\ntokens: { keys: [ ${key} ] }`;
    assert.deepEqual(await problemsOf(t, yaml), [
      "1:16 admin.port: expected another port than 8080, on which listen listens",
      "2:18 upstream.url: expected the application's address, not revgate's own (listen: 0.0.0.0:8080); give one of them another port",
    ]);
  });

  const withoutEffect: [string, string][] = [
    ["allowOrigins: ['https://Shop.example/']", "allowOrigins[0]: expected an origin"],
    ["allowOrigins: ['*'], allowCredentials: true", "allowOrigins: expected no"],
    [
      "allowOrigins: [https://a.example], allowHeaders: ['*'], allowCredentials: true",
      "allowHeaders: expected no",
    ],
    ["allowCredentials: true", "allowCredentials: has no effect without allowOrigins"],
    ["preflight: answer", "preflight: answer has no effect without allowOrigins"],
  ];
  for (const [settings, message] of withoutEffect) {
    it(`names what browsers would ignore: ${settings}`, async (t) => {
      const problems = await problemsOf(t, `tokens: { keys: [ ${key} ] }\ncors: { ${settings} }`);
      assert.equal(problems.length, 1);
      assert.match(problems[0] ?? "", /^2:\d+ cors\./);
      assert.ok(problems[0]?.includes(`cors.${message}`), problems[0]);
    });
  }
});
