import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { z } from "zod";
import { configSchema } from "../../src/config/schema.ts";
import { repository } from "../helpers/program.ts";

const text = readFileSync(join(repository, "config.example.yaml"), "utf8");
/** The example with every setting in use: a number sign without a space hides one. */
const complete = text.replace(/^(\s*)#(?=[^\s#])/gm, "$1");

const keys = [{ publicKeyFile: "jwt-public.pem" }];

/** The paths of all settings, as the schema knows them; lists stand for their items. */
function settingsOf(schema: z.core.JSONSchema.BaseSchema, path = ""): string[] {
  if (schema.type === "array")
    return settingsOf(schema.items as z.core.JSONSchema.BaseSchema, path);
  if (schema.properties === undefined) return [path];
  return Object.entries(schema.properties).flatMap(([name, inner]) =>
    settingsOf(inner as z.core.JSONSchema.BaseSchema, path === "" ? name : `${path}.${name}`),
  );
}

function keysOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value) && value.length > 0) return value.flatMap((item) => keysOf(item, path));
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) return [path];
  return Object.entries(value).flatMap(([name, inner]) =>
    keysOf(inner, path === "" ? name : `${path}.${name}`),
  );
}

describe("config.example.yaml", () => {
  it("states every default as it is", () => {
    const example = configSchema.parse(parse(text));
    const defaults = configSchema.parse({ tokens: { keys } });
    assert.deepEqual({ ...example, routes: [] }, defaults);
  });

  it("holds every setting, and no other", () => {
    const schema = z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" });
    // Shown in prose beside their alternatives.
    const elsewhere = [
      ...["tokens.from.scheme", "tokens.from.cookie"],
      ...["publicKeyFile", "secretFile", "insecureJwksUrl", "kid"].flatMap((name) => [
        `tokens.issuers.keys.${name}`,
        `signals.transmitters.keys.${name}`,
      ]),
      ...["header", "scheme", "requestJson", "form"].flatMap((place) => [
        `routes.from.${place}`,
        `routes.alsoRevoke.${place}`,
      ]),
      ...["requestJson", "form", "responseHeader", "issuer"].map(
        (place) => `routes.subjectFrom.${place}`,
      ),
    ];
    const expected = new Set(
      settingsOf(schema).filter(
        (path) => !elsewhere.includes(path) && !path.startsWith("errors.messages."),
      ),
    );
    expected.add("errors.messages");
    assert.deepEqual([...new Set(keysOf(parse(complete)))].sort(), [...expected].sort());
  });

  it("is right about the defaults of what it hides", () => {
    const { denylist } = parse(complete) as { denylist: { redis: Record<string, unknown> } };
    const standard = configSchema.parse({
      tokens: { keys },
      denylist: { redis: { url: denylist.redis["url"] } },
    });
    // Without what has no default, and what takes the place of the url.
    const { passwordFile, caFile, username, sentinels, cluster, ...stated } = denylist.redis;
    assert.ok([passwordFile, caFile, username, sentinels, cluster].every(Boolean));
    const parsed = configSchema.parse({ tokens: { keys }, denylist: { redis: stated } });
    assert.deepEqual(parsed.denylist.redis, standard.denylist.redis);
  });

  it("says why, at every setting or group of them", () => {
    const groups = text.split(/^(?=\w)/m).slice(1);
    for (const group of groups) assert.match(group, /#/, group.split("\n", 1)[0]);
  });
});
