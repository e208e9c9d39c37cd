import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { validateWorkflow } from "@action-validator/core";
import { parse } from "yaml";
import { repository } from "../helpers/program.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const text = read(".github/workflows/ci.yml");

describe("the workflow for a public host", () => {
  it("is one by its schema", () => {
    assert.deepEqual(validateWorkflow(text).errors, []);
    assert.notDeepEqual(validateWorkflow(text.replace("runs-on", "run-on")).errors, []);
  });

  it("runs exactly .ci/run, on the oldest Node that is supported and the newest LTS", () => {
    const { steps, strategy } = parse(text).jobs.ci;
    const commands = steps.flatMap(({ run }: { run?: string }) => run ?? []);
    assert.equal(commands.length, 1);
    assert.match(commands[0], / bash \.ci\/run$/);
    const { engines } = JSON.parse(read("package.json"));
    const [, oldest] = /^>=(\d+)\./.exec(engines.node) ?? [];
    assert.deepEqual(strategy.matrix.node, [oldest, "22", "24", "lts/*"]);
  });
});
