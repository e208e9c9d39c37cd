import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { configSchema } from "../../src/config/schema.ts";
import { repository } from "../helpers/program.ts";

const text = readFileSync(join(repository, "config.example.yaml"), "utf8");
/** The example with every setting in use: a number sign without a space hides one. */
const complete = text.replace(/^(\s*)#(?=[^\s#])/gm, "$1");

const keys = [{ publicKeyFile: "jwt-public.pem" }];

describe("config.example.yaml", () => {
  it("states every default as it is", () => {
    const example = configSchema.parse(parse(text));
    const defaults = configSchema.parse({ tokens: { keys } });
    assert.deepEqual({ ...example, routes: [] }, defaults);
  });

  it("can be used with every setting in it", () => {
    const { denylist, upstream, decisions, ...others } = parse(complete);
    // Certificates have a meaning only there.
    const all = { ...others, upstream: { ...upstream, url: "https://127.0.0.1:3000" } };
    // Beside it, rules can't look at bodies and answers.
    assert.equal(configSchema.safeParse({ tokens: { keys }, decisions }).error, undefined);
    // Sentinel and Cluster take the place of the url.
    for (const way of ["url", "sentinels", "cluster"]) {
      const redis = { ...denylist.redis };
      for (const other of ["url", "sentinels", "cluster"]) if (other !== way) delete redis[other];
      const { error } = configSchema.safeParse({ ...all, denylist: { ...denylist, redis } });
      assert.equal(error, undefined);
    }
  });

  it("is right about the defaults of what it hides", () => {
    const { denylist } = parse(complete) as { denylist: { redis: Record<string, unknown> } };
    const standard = configSchema.parse({
      tokens: { keys },
      denylist: { redis: { url: denylist.redis["url"] } },
    });
    // Without what has no default, and what takes the place of the url.
    const stated = { ...denylist.redis };
    for (const hidden of [
      ...["passwordFile", "caFile", "certFile", "keyFile", "serverName", "username"],
      ...["sentinels", "cluster"],
    ]) {
      assert.ok(stated[hidden]);
      delete stated[hidden];
    }
    const parsed = configSchema.parse({ tokens: { keys }, denylist: { redis: stated } });
    assert.deepEqual(parsed.denylist.redis, standard.denylist.redis);
  });
});
