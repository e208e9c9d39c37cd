import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { keepFixed } from "../../src/config/keep-fixed.ts";
import type { Config } from "../../src/config/load.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { writeConfig } from "../helpers/gate.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

/** Two configurations, each in a directory of its own with a certificate and passwords. */
async function read(t: TestContext, running: string, next: string): Promise<[Config, Config]> {
  const one = async (yaml: string, name: string) => {
    const directory = temporaryDirectory(t);
    makeCertificate(directory);
    writeFileSync(join(directory, "password"), name);
    return writeConfig(directory, yaml, "http://127.0.0.1:3000");
  };
  return [await one(running, "running"), await one(next, "next")];
}

const tls = "tls: { certFile: cert.pem, keyFile: key.pem }";
const redis = (password: string) =>
  `denylist: { dataDir: data, redis: { url: "redis://a:1", ${password} } }`;

const changes: readonly (readonly [
  name: string,
  running: string,
  next: string,
  is: (config: Config) => unknown,
])[] = [
  ...(["listen", "admin"] as const).flatMap((group) => [
    [
      `${group}.host`,
      `${group}: { host: 127.0.0.1, port: 0 }`,
      `${group}: { host: 127.0.0.2, port: 0 }`,
      ({ settings }: Config) => settings[group].host,
    ] as const,
    [
      `${group}.port`,
      `${group}: { host: 127.0.0.1, port: 1 }`,
      `${group}: { host: 127.0.0.1, port: 2 }`,
      ({ settings }: Config) => settings[group].port,
    ] as const,
  ]),
  [
    "listen.tls",
    "listen: { port: 0 }",
    `listen: { port: 0, ${tls} }`,
    ({ settings, files }) => [settings.listen.tls, files.tls],
  ],
  [
    "listen.tls",
    `listen: { port: 0, ${tls} }`,
    "listen: { port: 0 }",
    ({ settings, files }) => [settings.listen.tls, files.tls],
  ],
  [
    "limits.headerBytes",
    "limits: { headerBytes: 10000 }",
    "limits: { headerBytes: 20000 }",
    ({ settings }) => settings.limits.headerBytes,
  ],
  [
    "denylist",
    redis("passwordFile: password"),
    redis("commandTimeout: 2s, passwordFile: password"),
    ({ settings, files }) => [settings.denylist, files.redis],
  ],
];

describe("what can't be changed while revgate runs", () => {
  for (const [name, runningYaml, nextYaml, is] of changes) {
    it(`stays and is named: ${name}, from ${runningYaml}`, async (t) => {
      const [running, next] = await read(t, runningYaml, nextYaml);
      assert.notDeepEqual(is(next), is(running));
      const { config, needRestart } = keepFixed(running, next);
      assert.deepEqual(needRestart, [name]);
      assert.deepEqual(is(config), is(running));
      assert.equal(config.directory, next.directory);
    });
  }

  it("is not the certificate, where there is one", async (t) => {
    const listen = (host: string) => `listen: { host: ${host}, port: 0, ${tls} }`;
    const [running, next] = await read(t, listen("127.0.0.1"), listen("127.0.0.1"));
    const { config, needRestart } = keepFixed(running, next);
    assert.deepEqual(needRestart, []);
    assert.notDeepEqual(next.files.tls, running.files.tls);
    assert.deepEqual(config.files.tls, next.files.tls);
  });
});
