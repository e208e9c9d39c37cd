import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { parse, stringify } from "yaml";
import { refusals } from "../../src/gateway/refusals.ts";
import { refusalReasons } from "../../src/gateway/verdict.ts";
import { revgate } from "../helpers/command.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";
import { chineseFaults } from "../tools/chinese.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const guides = readdirSync(join(repository, "docs/zh")).map((name) => `docs/zh/${name}`);
const pages = ["README.zh.md", ...guides];

const blocksOf = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^ *\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))].map(
    ([, block = ""]) => block.replace(/^ {3}(?=\S)/gm, ""),
  );
const commandsOf = (text: string) =>
  blocksOf(text, "sh").flatMap((block) => block.trim().split("\n"));

/** Commands of revgate with their options, wherever a text has them: `import --dry-run`. */
function revgateCommands(text: string): string[] {
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...commandsOf(text), ...inline].flatMap((line) => {
    const [, name, rest = ""] = /(?:^|\| )revgate ([a-z-]+)(.*)$/.exec(line) ?? [];
    const options = [...rest.matchAll(/ (--[a-z-]+)/g)].map(([, option]) => `${name} ${option}`);
    return name === undefined ? [] : [name, ...options];
  });
}

/** Settings with dots in them, in code of any text: `denylist.redis`. */
const known = new Set(
  [...read("docs/configuration.md").matchAll(/^\| `([\w.[\]]+)` \|/gm)].map(([, name = ""]) =>
    name.replaceAll("[]", ""),
  ),
);
const groups = new Set([...known].map((name) => name.split(".", 1)[0]));
const settingsIn = (text: string) =>
  [...text.matchAll(/`([a-z]\w*(?:\.\w+)+)/g)]
    .map(([, name = ""]) => name)
    .filter((name) => groups.has(name.split(".", 1)[0]) && !/\.(?:ya?ml|md|json)$/.test(name));

/** Examples of configuration: blocks, and code that stands for a part of one. */
function examplesIn(text: string): string[] {
  const inline = [...text.matchAll(/`((?:\w+\.)*\w+: (?:[^`$]|\$\{)+)`/g)].map(
    ([, each = ""]) => each,
  );
  const settings = inline.filter((each) => groups.has(/^\w+/.exec(each)?.[0]));
  return [...blocksOf(text, "yaml"), ...settings.map(nest)];
}

/** `a.b: c` as YAML has it. */
function nest(setting: string): string {
  const [path = "", value = ""] = setting.split(/: (.*)/s);
  return path.split(".").reduceRight((inner, name) => `{ ${name}: ${inner} }`, value);
}

/** The names of all settings in a part of a configuration. */
function keysIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  const names = Array.isArray(value) ? [] : Object.keys(value);
  return [...names, ...Object.values(value).flatMap(keysIn)];
}

/** What a configuration needs besides an example, and files for whatever it names. */
function complete(t: TestContext, example: string): string {
  const directory = temporaryDirectory(t);
  const config = parse(example) as Record<string, Record<string, unknown>>;
  const issuer = JSON.stringify(config["signals"] ?? "").includes("issuer");
  const keys = { keys: [{ publicKeyFile: "public.pem" }], ...(issuer && { issuer: "x" }) };
  config["tokens"] = { ...keys, ...config["tokens"] };
  const redis = config["denylist"]?.["redis"] as Record<string, unknown> | undefined;
  if (redis !== undefined && !["url", "sentinels", "cluster"].some((name) => name in redis))
    redis["url"] = "redis://redis:6379";
  for (const [, kind = "", name = ""] of JSON.stringify(config).matchAll(/"(\w+)File":"([^"]+)"/g))
    writeFileSync(join(directory, name), kind === "publicKey" ? publicPem : "x".repeat(32));
  const file = join(directory, "revgate.yaml");
  writeFileSync(file, stringify(config));
  return file;
}

describe("Chinese text", () => {
  it("has Chinese punctuation, and no line break between its characters", () => {
    for (const page of pages) assert.deepEqual(chineseFaults(read(page)), [], page);
  });

  it("is found out if it has not", () => {
    const wrong = {
      "令牌,吊销": 1,
      "令牌: 吊销": 1,
      "登出(logout)之后": 1,
      '"登出"': 1,
      "登出之后.": 1,
      "令牌在过期之前\n依然有效": 1,
      使用Redis共享: 1,
      "先登出，再用 `token` 访问（401）；`a,b:c` 除外。\n\n- 一\n- 二\n\n![图](a.svg)\n\n| 甲 | 乙 |": 0,
    };
    for (const [text, faults] of Object.entries(wrong))
      assert.equal(chineseFaults(text).length > 0, faults > 0, text);
  });

  it("of refusals that people are shown has it too, and no mark at its end", () => {
    for (const reason of refusalReasons) {
      const { "zh-CN": text } = refusals[reason];
      assert.deepEqual(chineseFaults(text), [], reason);
      assert.match(text, /^\p{Script=Han}.*\p{Script=Han}$/u, reason);
    }
  });
});

describe("the documents in both languages", () => {
  it("have commands and options that there are", async () => {
    const english = readdirSync(join(repository, "docs")).filter((name) => name.endsWith(".md"));
    const all = ["README.md", ...pages, ...english.map((name) => `docs/${name}`)];
    const uses = new Map(
      all.flatMap((page) => revgateCommands(read(page)).map((use) => [use, page])),
    );
    const helps = new Map<string, ReturnType<typeof revgate>>();
    for (const [use, page] of uses) {
      const [name = "", option = "--help"] = use.split(" ");
      const help = helps.get(name) ?? revgate([name, "--help"]);
      helps.set(name, help);
      const { code, stdout } = await help;
      assert.ok(code === 0 && `${stdout} --help`.includes(option), `${page}: revgate ${use}`);
    }
  });

  it("have settings that there are, and examples that can be used", async (t) => {
    for (const page of ["README.md", ...pages]) {
      const text = read(page);
      for (const name of settingsIn(text)) assert.ok(known.has(name), `${page}: ${name}`);
      for (const example of examplesIn(text)) {
        const { code, stderr } = await revgate(["check-config", "-c", complete(t, example)]);
        assert.equal(code, 0, `${page}: ${example}\n${stderr}`);
      }
    }
  });

  it("have the same commands and settings: what README.md names, README.zh.md does", () => {
    const [english, chinese] = [read("README.md"), read("README.zh.md")];
    const missing = (namesIn: (text: string) => string[]) =>
      namesIn(english).filter((name) => !namesIn(chinese).includes(name));
    // Without --config it is revgate.yaml.
    const commands = missing(revgateCommands).filter((use) => !use.endsWith(" --config"));
    assert.deepEqual(commands, []);
    assert.deepEqual(missing(settingsIn), []);
    const keysOf = (text: string) =>
      blocksOf(text, "yaml").flatMap((block) => keysIn(parse(block)));
    assert.deepEqual(missing(keysOf), []);
    const linksOf = (text: string) => [...text.matchAll(/\]\(([^)#]+)/g)].map(([, to = ""]) => to);
    assert.deepEqual(
      missing(linksOf).filter((to) => to !== "README.zh.md"),
      [],
    );
    assert.ok(revgateCommands(english).length > 8 && keysOf(english).length > 12);
  });

  it("have the same commands in guides: what a Chinese one types, the English one does", () => {
    for (const name of ["quick-start.md", "migration.md"]) {
      const english = read(`docs/${name}`);
      const typed = commandsOf(read(`docs/zh/${name}`));
      for (const command of typed) assert.ok(english.includes(command), `${name}: ${command}`);
      assert.ok(typed.length >= 2);
    }
  });

  it("explain each refusal, with its status and its texts", () => {
    const text = read("docs/zh/errors.md");
    const headings = [...text.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, [...refusalReasons]);
    for (const reason of refusalReasons) {
      const { status, zh, "zh-CN": shown } = refusals[reason];
      assert.ok(text.includes(`## ${reason}\n\n${status} — \`${zh}\` — \`${shown}\`\n`), reason);
    }
  });
});
