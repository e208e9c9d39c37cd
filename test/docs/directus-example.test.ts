import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { frameworks } from "../../src/commands/init/frameworks.ts";
import { repository } from "../tools/repository.ts";

describe("examples/directus", () => {
  it("has the tokens and the routes that init writes for Directus", () => {
    const file = join(repository, "examples/directus/revgate.yaml");
    const { tokens, routes } = parse(readFileSync(file, "utf8"));
    const preset = frameworks["directus"];
    assert.deepEqual(routes, preset?.routes);
    const { keys: _keys, algorithms, ...rest } = tokens;
    assert.deepEqual(rest, preset?.tokens);
    assert.deepEqual(algorithms, ["HS256"]);
  });
});
