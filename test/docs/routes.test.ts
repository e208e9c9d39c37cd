import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { configJsonSchema } from "../../src/config/json-schema.ts";
import { revgate } from "../helpers/command.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";

const text = readFileSync(join(repository, "docs/routes.md"), "utf8");
const sections = text.split(/^## /m).slice(1);
/** Rules, and what is said of requests to them. */
const example = /^```yaml\n([\s\S]*?)^```\n\n^```text\n([\s\S]*?)^```$/gm;

describe("docs/routes.md", () => {
  it("has a heading for each field of a rule, in the order of the schema, and no other", () => {
    const { properties } = configJsonSchema() as unknown as {
      properties: { routes: { items: { properties: object } } };
    };
    const headings = sections.map((section) => section.split("\n", 1)[0]);
    assert.deepEqual(headings, Object.keys(properties.routes.items.properties));
  });

  it("shows each field in an example, and what is said of requests to it", async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "app.pem"), publicPem);
    const file = join(directory, "revgate.yaml");
    for (const section of sections) {
      const [field = ""] = section.split("\n", 1);
      const examples = [...section.matchAll(example)];
      const { routes } = parse(examples[0]?.[1] ?? "") as { routes: object[] };
      assert.ok(
        routes.some((rule) => field in rule),
        field,
      );
      for (const [, rules = "", said = ""] of examples) {
        writeFileSync(file, `tokens: { keys: [ { publicKeyFile: app.pem } ] }\n${rules}`);
        const input = said.replace(/^ .*\n/gm, "");
        const { stdout } = await revgate(["check-config", "-c", file, "--explain"], { input });
        const told = stdout.replace(/(routes\[\d+\]) \S+revgate\.yaml:\d+:\d+/g, "$1");
        assert.equal(told, said, field);
      }
    }
  });
});
