import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { configJsonSchema, describeSettings } from "../../src/config/json-schema.ts";
import { repository } from "../helpers/program.ts";
import { generatedDocs } from "../tools/generated-docs.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");

const generated = await generatedDocs();

describe("what is written from code", () => {
  for (const [file, text] of generated) {
    it(`is in ${file} as it stands; npm run docs writes it`, () => {
      assert.equal(read(file), text);
    });
  }

  it("says of every setting what it is for", () => {
    const silent = describeSettings().filter(({ path, about }) => !path.endsWith("]") && !about);
    assert.deepEqual(silent, []);
  });
});

describe("config.schema.json", () => {
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(configJsonSchema());
  const check = (yaml: string) => {
    validate(parse(yaml));
    return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
  };

  it("accepts the example, every setting of it in use", () => {
    const text = read("config.example.yaml");
    assert.deepEqual(check(text), []);
    assert.deepEqual(check(text.replace(/^(\s*)#(?=[^\s#])/gm, "$1")), []);
  });

  it("refuses unknown settings, words and numbers that are not allowed", () => {
    const keys = "tokens: { keys: [ { publicKeyFile: a.pem } ] }";
    assert.deepEqual(check(keys), []);
    assert.deepEqual(check(`${keys}\nlistn: {}`), [" additionalProperties"]);
    assert.match(check(`${keys}\nlisten: { port: 70000 }`).join(), /\/listen\/port maximum/);
    assert.match(check(`${keys}\nlog: { level: loud }`).join(), /\/log\/level enum/);
    assert.match(check(`${keys}\nlimits: { drainTimeout: 20 }`).join(), /drainTimeout type/);
  });

  it("lets values come from the environment", () => {
    const yaml = `
tokens: { keys: [ { publicKeyFile: "\${KEY}" } ] }
listen: { port: "\${PORT:-8080}" }
log: { level: "\${LEVEL}" }
limits: { drainTimeout: "\${DRAIN:-20s}" }
`;
    assert.deepEqual(check(yaml), []);
  });
});
