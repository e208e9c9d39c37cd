import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { revgate } from "../helpers/command.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";

function folder(t: TestContext) {
  const directory = temporaryDirectory(t);
  const key = join(directory, "app.pem");
  writeFileSync(key, publicPem);
  return { key, file: join(directory, "revgate.yaml"), directory };
}

describe("revgate init", () => {
  it("writes a commented configuration that can be used, from defaults and options", async (t) => {
    const { key, file, directory } = folder(t);
    const args = ["--key", key, "--output", file, "--redis", "rediss://redis:6380/2"];
    const routes = ["--reset-password", "-", "--change-password", "PUT,POST /me/password"];
    const done = await revgate(["init", ...args, ...routes, "--token", "bearer"]);
    assert.deepEqual({ code: done.code, stderr: done.stderr }, { code: 0, stderr: "" });
    const { settings } = await loadConfig(file, {});
    // Nothing is open to other machines before somebody says so.
    assert.deepEqual([settings.listen.host, settings.admin.host], ["127.0.0.1", "127.0.0.1"]);
    assert.deepEqual(settings.tokens.keys, [{ publicKeyFile: "app.pem" }]);
    assert.deepEqual(settings.tokens.from, [{ header: "authorization", scheme: "Bearer" }]);
    assert.equal(settings.denylist.redis?.url, "rediss://redis:6380/2");
    assert.deepEqual(
      settings.routes.map(({ path, methods, access, revoke }) => [path, methods, access, revoke]),
      [
        ["/login", ["POST"], "public", undefined],
        ["/me/password", ["PUT", "POST"], "protected", "subject"],
        ["/logout", ["POST"], "protected", "token"],
      ],
    );
    const written = readFileSync(file, "utf8");
    assert.match(written, /^# yaml-language-server: \$schema=config\.schema\.json\n/);
    assert.ok(existsSync(join(directory, "config.schema.json")));
  });

  it("lets nobody else read a configuration with a password", async (t) => {
    const { key, directory } = folder(t);
    const modeOf = (file: string) => statSync(file).mode & 0o777;
    const write = async (name: string, redis: string) => {
      const file = join(directory, name);
      // What an earlier attempt left, for everybody to read.
      writeFileSync(`${file}.new`, "", { mode: 0o644 });
      const done = await revgate(["init", "--key", key, "--output", file, "--redis", redis]);
      assert.equal(done.code, 0, done.stderr);
      return { mode: modeOf(file), stdout: done.stdout };
    };
    const open = await write("a.yaml", "redis://redis:6379");
    assert.notEqual(open.mode & 0o044, 0);
    const kept = await write("b.yaml", "redis://user:secret@redis:6379");
    assert.equal(kept.mode, 0o600);
    assert.match(kept.stdout, /only its owner may read it; passwordFile/);
  });

  it("asks at a terminal for what no option says", async (t) => {
    const { key, file } = folder(t);
    const answers = [
      "  ",
      "https://id.example.com/jwks",
      "cookie session",
      "/in",
      "",
      "2xx, 302",
      "-",
      "-",
      "GET /; GET,HEAD /news/*",
      "",
    ];
    const done = await revgate(["init", "--output", file, "--data-dir", "/data"], {
      answers: `${answers.join("\n")}\n`,
    });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /Which route logs out.*\[POST \/logout\]/);
    assert.ok(!done.stdout.includes("In which directory"), "an option said so");
    const { settings } = await loadConfig(file, {});
    assert.equal(settings.upstream.url.href, "http://127.0.0.1:3000/");
    assert.equal(settings.tokens.keys[0]?.jwksUrl?.href, "https://id.example.com/jwks");
    assert.deepEqual(settings.tokens.from, [{ cookie: "session" }]);
    assert.deepEqual(
      settings.routes.map(({ path, methods, access, success }) => [path, methods, access, success]),
      [
        ["/in", undefined, "public", undefined],
        ["/logout", ["POST"], "protected", { status: ["2xx", 302] }],
        ["/", ["GET"], "optional", undefined],
        ["/news/*", ["GET", "HEAD"], "optional", undefined],
      ],
    );
    assert.equal(settings.denylist.redis, undefined);
    assert.ok(existsSync(key));
  });

  it("asks nothing where it is told so, and takes the defaults", async (t) => {
    const { key, file } = folder(t);
    const done = await revgate(["init", "--key", key, "--output", file, "--yes"], {
      answers: `${"-\n".repeat(9)}`,
    });
    assert.equal(done.code, 0, done.stderr);
    assert.doesNotMatch(done.stdout, /\?/);
    const { settings } = await loadConfig(file, {});
    assert.equal(settings.upstream.url.href, "http://127.0.0.1:3000/");
    assert.deepEqual(settings.tokens.from, [{ header: "token" }]);
    assert.deepEqual(
      settings.routes.map(({ path, methods, access, revoke }) => [path, methods, access, revoke]),
      [
        ["/login", ["POST"], "public", undefined],
        ["/reset-password", ["POST"], "public", "token"],
        ["/change-password", ["POST"], "protected", "subject"],
        ["/logout", ["POST"], "protected", "token"],
      ],
    );
  });

  it("takes a shared secret, and a key of another family, with the algorithms that they are for", async (t) => {
    const { directory, file } = folder(t);
    const tokensOf = async (name: string, content: string) => {
      writeFileSync(join(directory, name), content);
      const key = name.endsWith(".pem") ? join(directory, name) : `secret ${join(directory, name)}`;
      const done = await revgate(["init", "--key", key, "--output", file, "--force"]);
      assert.deepEqual([done.code, done.stderr], [0, ""]);
      const { algorithms, keys } = (await loadConfig(file, {})).settings.tokens;
      return { algorithms, keys, stdout: done.stdout };
    };
    const long = await tokensOf("long", `${"s".repeat(32)}\n`);
    assert.deepEqual([long.algorithms, long.keys], [["HS256"], [{ secretFile: "long" }]]);
    assert.doesNotMatch(long.stdout, /insecure/);
    const short = await tokensOf("short", "24 bytes, as Strapi has\n");
    assert.deepEqual(short.keys, [{ secretFile: "short", insecureShortSecret: true }]);
    assert.match(short.stdout, /insecureShortSecret: .*Give the application a longer one/);
    for (const [curve, algorithm] of [
      ["P-256", "ES256"],
      ["P-521", "ES512"],
    ] as const) {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
      const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
      assert.deepEqual((await tokensOf("ec.pem", pem)).algorithms, [algorithm]);
    }
    const edwards = generateKeyPairSync("ed25519").publicKey.export({
      type: "spki",
      format: "pem",
    });
    assert.deepEqual((await tokensOf("ed.pem", edwards.toString())).algorithms, ["EdDSA"]);
  });

  it("takes an application without any of the routes, whose key set is beside it", async (t) => {
    const { file } = folder(t);
    const none = ["login", "logout", "change-password", "reset-password"].flatMap((route) => [
      `--${route}`,
      "-",
    ]);
    const key = "http://127.0.0.1:8000/jwks";
    const done = await revgate(["init", "--output", file, "--key", key, ...none]);
    assert.equal(done.code, 0, done.stderr);
    const { settings } = await loadConfig(file, {});
    assert.equal(settings.tokens.keys[0]?.jwksUrl?.href, key);
    assert.deepEqual(settings.routes, []);
    assert.match(readFileSync(file, "utf8"), /^routes: \[\]$/m);
  });

  it("replaces nothing unless told to, and nothing by what can't be used", async (t) => {
    const { key, file } = folder(t);
    writeFileSync(file, "mine");
    const args = ["init", "--key", key, "--output", file];
    const refused = await revgate(args);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there already; name another --output, or say --force/);
    const wrong = await revgate([...args, "--force", "--upstream", "http://a/path"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /^revgate: upstream\.url: expected http:\/\/ or https:\/\//);
    assert.equal(readFileSync(file, "utf8"), "mine");
    assert.ok(!existsSync(`${file}.new`));
    assert.equal((await revgate([...args, "--force"])).code, 0);
  });

  it("says what is wrong with a fact, and what would be right", async (t) => {
    const { key, file } = folder(t);
    const args = ["init", "--output", file];
    const complaint = async (...more: string[]) => (await revgate([...args, ...more])).stderr;
    assert.match(await complaint("--key", "none.pem"), /none\.pem: no such file.*openssl pkey/);
    assert.match(
      await complaint("--key", key, "--logout", "logout"),
      /--logout: expected a route such as "POST \/logout", got "logout"/,
    );
    assert.match(
      await complaint("--key", "secret none"),
      /none: no such file; write the application's secret/,
    );
    assert.match(await complaint("--key", key, "--token", "x"), /--token: expected "header NAME"/);
    assert.ok(!existsSync(file));
  });
});
