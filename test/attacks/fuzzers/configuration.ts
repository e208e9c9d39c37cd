import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { describeSettings } from "../../../src/config/json-schema.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/errors.ts";
import { fc } from "../../helpers/fast-check.ts";
import { repository } from "../../helpers/program.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { publicPem } from "../../helpers/tokens.ts";
import { type Fuzzer, tryEach } from "./fuzzer.ts";
import { hostileNumbers, hostileText, mutationsOf } from "./hostile.ts";

const example = readFileSync(join(repository, "config.example.yaml"));
const minimal = { tokens: { keys: [{ publicKeyFile: "jwt-public.pem" }] } };

/** Names of settings, and some that are none; no value is a file that could be read without end. */
const names = describeSettings().map(({ path }) => path.replaceAll("[]", ".0").split("."));
const settingPath = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...names) },
  {
    weight: 1,
    arbitrary: fc.array(fc.oneof(hostileText, fc.nat(3).map(String)), { maxLength: 5 }),
  },
);

const scalar = fc.oneof(
  hostileText,
  fc.constantFrom(...hostileNumbers),
  fc.constantFrom("5s", "1d", "0ms", "${V}", "x${V}", "${V:-a: b}", "${UNSET}", "/a/*", "RS256"),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(hostileText, scalar, { maxKeys: 3 }) },
  { weight: 1, arbitrary: fc.jsonValue() as fc.Arbitrary<unknown> },
);

/** Settings at places where they belong, or do not. */
const settings = fc
  .array(fc.tuple(settingPath, value), { maxLength: 5 })
  .map((changes) =>
    changes.reduce<unknown>((tree, [path, inner]) => put(tree, path, inner), minimal),
  );

function put(tree: unknown, [name, ...rest]: readonly string[], inner: unknown): unknown {
  if (name === undefined) return inner;
  const isList = /^\d+$/.test(name);
  if (isList) return [put(Array.isArray(tree) ? (tree as unknown[])[0] : {}, rest, inner)];
  const group = typeof tree === "object" && tree !== null && !Array.isArray(tree) ? tree : {};
  const before = Object.hasOwn(group, name) ? (group as Record<string, unknown>)[name] : {};
  return { ...group, [name]: put(before, rest, inner) };
}

/** What YAML has and settings have no use for. */
const fragment = fc.constantFrom(
  ...[
    "&a ",
    "*a",
    "[",
    "]",
    "{",
    "}",
    "? ",
    ": ",
    "- ",
    "| ",
    "> ",
    "!!int ",
    "!!binary ",
    "<<: *a",
  ],
  ...[
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "#",
    "\t",
    "\n",
    "'",
    '"',
    "${V}",
    "${",
    "}",
    "\ufeff",
    "a: ",
  ],
);

const source = fc.oneof(
  { weight: 4, arbitrary: settings.map((tree) => Buffer.from(stringify(tree))) },
  { weight: 3, arbitrary: mutationsOf(fc.constant(example)) },
  {
    weight: 2,
    arbitrary: mutationsOf(settings.map((tree) => Buffer.from(stringify(tree)))),
  },
  {
    weight: 2,
    arbitrary: fc.array(fragment, { maxLength: 30 }).map((all) => Buffer.from(all.join(""))),
  },
);

/** Whatever the file and the environment hold, it is loaded, or refused with places. */
export const configurationFuzzer: Fuzzer = {
  name: "configuration",
  claim: "a configuration is loaded, or refused with the place of each mistake",
  short: { runs: 400, timeLimitMs: 100_000, atLeast: { loaded: 5, refused: 50 } },
  async fuzz(t, options) {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "jwt-public.pem"), publicPem);
    const file = join(directory, "revgate.yaml");
    let loaded = 0;
    let refused = 0;
    await tryEach(fc.tuple(source, hostileText), options, async ([bytes, variable]) => {
      writeFileSync(file, bytes);
      try {
        await loadConfig(file, { V: variable });
        loaded += 1;
      } catch (error) {
        assert.ok(error instanceof ConfigError, `${(error as Error).stack}\n${bytes}`);
        assert.notEqual(error.problems.length, 0);
        for (const problem of error.problems) {
          assert.ok(new RegExp(`^${file}:\\d+:\\d+:? `).test(problem), `${problem}\n${bytes}`);
        }
        refused += 1;
      }
    });
    return { loaded, refused };
  },
};
