import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { engineFor, testedMajors } from "../../../src/node-http/engine.ts";

describe("the engine", () => {
  it("is the one that was asked for on a version of Node that was tested", () => {
    for (const major of testedMajors) {
      assert.equal(engineFor("direct", `${major}.18.1`), "direct");
      assert.equal(engineFor("node", `${major}.0.0`), "node");
    }
  });

  it("is Node's own way on any other", () => {
    for (const version of ["18.20.0", "21.0.0", "27.1.0", "200.0.0", "2.0.0", "v20.0.0", ""]) {
      assert.equal(engineFor("direct", version), "node", version);
    }
  });

  it("is known for the version that runs these tests", () => {
    assert.equal(engineFor("direct", process.versions.node), "direct");
  });
});
