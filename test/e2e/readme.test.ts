import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { revgate } from "../helpers/command.ts";
import { send } from "../helpers/http.ts";
import { freePort } from "../helpers/ports.ts";
import { repository, startExample, startProgram } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { searchPython } from "../tools/python.ts";

const read = (file: string) => readFileSync(join(repository, file), "utf8");
const text = read("README.md");

/** Every command of the README, in order: a line of a `sh` block each. */
const commands = commandsIn(text);
const yaml = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";

/** These two are what runs this test; the first part of the other is what came before it. */
const runByCi = ["npm ci && npm test"];
const runInRepository = ["npm ci && npm run demo"];

/** What its clients do meanwhile. */
const clientsCalls = [
  'curl -i http://127.0.0.1:8080/me -H "token: $TOKEN"',
  'curl -i -X POST http://127.0.0.1:8080/logout -H "token: $TOKEN"',
  'curl -i http://127.0.0.1:8080/me -H "token: $TOKEN"',
];

/** What the README says that an operator can do with the sidecar of its configuration, as its links show it. */
const byHand = [
  "revgate import --config revgate.yaml token_blacklist.txt",
  "revgate revoke --config revgate.yaml < token.txt",
  "revgate check --config revgate.yaml < token.txt",
  "revgate list --config revgate.yaml",
];

/** The lines of a text's `sh` blocks. */
function commandsIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```sh\n([\s\S]*?)```/g)];
  return blocks.flatMap(([, block = ""]) => block.trim().split("\n"));
}

/** What the configuration page shows for common tasks. */
function wishedSettings(): (string | undefined)[] {
  const [wishes = ""] = read("docs/configuration.md").split("## Every setting");
  return [...wishes.matchAll(/^\| [^|]+ \| `([^`]+)` \|$/gm)].map(([, setting]) => setting);
}

describe("README", () => {
  it("names the two commands that CI and this test run", () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    const ci = readFileSync(join(repository, ".ci/run"), "utf8");
    assert.ok(scripts.test !== undefined && scripts.demo !== undefined);
    assert.match(ci, /^npm ci\nnpm run check\nnpm run test:long\nnpm test\nnpm run test:ops$/m);
    for (const command of [...runByCi, ...runInRepository]) assert.ok(text.includes(command));
  });

  it("has commands that work in the order in which they stand there, and a configuration that ends a session", async (t) => {
    const run = await setUp(t);
    const outputs = new Map<string, string>();
    const pages = read("docs/runbook.md") + read("docs/migration.md");
    for (const command of byHand) assert.ok(pages.includes(command), command);
    for (const command of [...commands, ...clientsCalls, ...byHand]) {
      if (runByCi.includes(command) || runInRepository.includes(command)) continue;
      outputs.set(command, `${outputs.get(command) ?? ""}${await run(command)}\n---\n`);
    }
    const output = (start: string) =>
      [...outputs].find(([command]) => command.startsWith(start))?.[1] ?? "";
    assert.match(output("revgate check-config"), /good\. 4 route rules/);
    const [first, last] = output("curl -i http://127.0.0.1:8080/me").split("---");
    assert.match(first ?? "", /200 OK[\s\S]*"user":"alice"/);
    assert.match(output("curl -i -X POST"), /200 OK/);
    assert.match(
      last ?? "",
      /401 Unauthorized[\s\S]*\{"error":"token_revoked","message":"Please log in again\."\}/,
    );
    assert.match(output("revgate import"), /imported 1, skipped 0/);
    assert.match(output("revgate revoke"), /revoked until/);
    assert.match(output("revgate check "), /^revoked/);
    assert.equal(output("revgate list").match(/^tok:/gm)?.length, 3);
  });

  it("leads to a table of failures that names a test for each", () => {
    const rows = [...read("docs/failures.md").matchAll(/^\|.*\| ([^|]+) \|$/gm)].map(
      ([, last = ""]) => last,
    );
    const files = rows.flatMap((cell) => [
      ...cell.matchAll(/`([\w./-]*(?:\.test\.ts|test\/\w+[\w/]*))`/g),
    ]);
    assert.ok(files.length >= 15, `${files.length}`);
    for (const [, file = ""] of files) {
      const path = file.includes("/") ? file : `test/integration/${file}`;
      assert.ok(existsSync(join(repository, path)), path);
    }
  });

  it("leads to settings that are accepted", async (t) => {
    const directory = temporaryDirectory(t);
    const rows = wishedSettings();
    assert.ok(rows.length >= 15, `${rows.length}`);
    for (const setting of rows) {
      const [path = "", value = ""] = (setting ?? "").split(/: (.*)/s);
      const [group, name] = path.split(".");
      const flat = name === undefined ? `${group}: ${value}` : `${group}: { ${name}: ${value} }`;
      const file = join(directory, "row.yaml");
      const key = name === "keys" ? "" : ", keys: [ { secretFile: s } ], algorithms: [HS256]";
      const tokens =
        group === "tokens"
          ? flat.replace(/\}$/, `${key} }`)
          : `${flat}\ntokens: { issuer: "https://id.example.com"${key} }`;
      writeFileSync(join(directory, "s"), "x".repeat(32));
      writeFileSync(file, tokens);
      const { code, stderr } = await revgate(["check-config", "--config", file]);
      assert.equal(code, 0, `${setting}: ${stderr}`);
    }
  });
});

describe("README.zh.md", () => {
  const [, part = ""] = read("README.zh.md").split("## 五分钟保护一个 Flask 应用\n");
  const [five = ""] = part.split(/^## /m);

  it("shows the configuration of the example, as it is", () => {
    const [, shown] = /```yaml\n([\s\S]*?)```/.exec(five) ?? [];
    assert.equal(shown, read("examples/flask-api/revgate.yaml"));
  });

  it("has the commands of the English page of the example", () => {
    assert.deepEqual(
      commandsIn(read("examples/flask-api/README.md")),
      commandsIn(five).slice(0, -3),
    );
    assert.ok(
      commandsIn(five)
        .slice(-3)
        .every((command) => byHand.includes(command)),
    );
  });

  it("protects a Flask application in five minutes, with the commands that stand there", async (t) => {
    // What README.md has as well is typed above.
    const typed = commandsIn(five).filter((command) => ![...commands, ...byHand].includes(command));
    const output = await typeAll(t, typed);
    const said = (beginning: string) =>
      output.split("\n@ ").filter((part) => part.startsWith(beginning));
    const [live = "", dead = ""] = said("curl -i http://127.0.0.1:8080/api/user");
    assert.match(live, /HTTP\/1\.1 200 [\s\S]*"user":"alice"/, output);
    assert.match(said("curl -i -X POST http://127.0.0.1:8080/api/logout")[0] ?? "", /1\.1 200 /);
    assert.match(dead, /HTTP\/1\.1 401 [\s\S]*"token_revoked","message":"请重新登录!"/);
    assert.match(said("curl -i http://127.0.0.1:5000/api/user")[0] ?? "", /HTTP\/1\.1 200 /);
    assert.match(said("revgate check-config --explain")[0] ?? "", /revokes +the token it carries/);
  });
});

/** The example's folder on free ports, as a reader has it, and what is on the path there. */
async function layExample(t: TestContext) {
  const directory = temporaryDirectory(t);
  const folder = join(directory, "examples/flask-api");
  cpSync(join(repository, "examples/flask-api"), folder, { recursive: true });
  const ports = { application: await freePort(), gate: await freePort(), admin: await freePort() };
  const config = read("examples/flask-api/revgate.yaml")
    .replace("8080", String(ports.gate))
    .replace("9090", String(ports.admin))
    .replace("5000", String(ports.application));
  writeFileSync(join(folder, "revgate.yaml"), config);
  linkProgram(directory);
  const python = join(directory, "python3");
  if (!existsSync(python)) symlinkSync(searchPython() ?? "python3", python);
  return { directory, ports };
}

/** Types commands one after the other, and waits as a reader does; gives back each with its output. */
async function typeAll(t: TestContext, typed: readonly string[]): Promise<string> {
  const { directory, ports } = await layExample(t);
  // A reader would see that it has ended.
  const until = (port: number, path: string) =>
    `until curl -s -o /dev/null http://127.0.0.1:${port}${path}; do kill -0 $!; sleep 0.05; done`;
  const waits: Readonly<Record<string, string>> = {
    "python3 app.py &": until(ports.application, "/"),
    "revgate run &": until(ports.gate, "/api/user"),
  };
  const script = typed.flatMap((command) => {
    const moved = command
      .replaceAll("127.0.0.1:8080", `127.0.0.1:${ports.gate}`)
      .replaceAll("127.0.0.1:9090", `127.0.0.1:${ports.admin}`)
      .replaceAll("127.0.0.1:5000", `127.0.0.1:${ports.application}`);
    return [`printf '\\n@ %s\\n' '${command.replaceAll("'", "")}'`, moved, waits[command] ?? ""];
  });
  const whole = `set -e\n${script.join("\n")}\nkill $(jobs -p)\nwait || true`;
  const path = `${directory}${delimiter}${process.env["PATH"]}`;
  const child = spawn("bash", ["-c", whole], {
    cwd: directory,
    env: { ...process.env, PORT: String(ports.application), PATH: path },
    detached: true,
  });
  t.after(() => endGroup(child));
  const { code, output } = await outputOf(child);
  assert.equal(code, 0, output);
  return output;
}

function endGroup({ pid }: ChildProcess): void {
  try {
    process.kill(-(pid ?? 0), "SIGKILL");
  } catch {
    // It has ended, and all that it started.
  }
}

/** What `npm install --global .` would put on the path. */
function linkProgram(directory: string): void {
  writeFileSync(
    join(directory, "revgate"),
    `#!/bin/sh\nexec "${process.execPath}" "${join(repository, "dist/cli.js")}" "$@"\n`,
  );
  chmodSync(join(directory, "revgate"), 0o755);
}

/** A directory as a reader would have it, with the README's own configuration on a free port. */
async function setUp(t: TestContext) {
  const directory = temporaryDirectory(t);
  const upstream = await startExample(t, "node", directory);
  const logIn = async (user: string, password: string) => {
    const body = JSON.stringify({ user, password });
    return String((await send(`${upstream}/login`, { method: "POST", body })).json["token"]);
  };
  writeFileSync(
    join(directory, "revgate.yaml"),
    yaml
      .replace("http://127.0.0.1:3000", upstream)
      .replace("port: 8080", "port: 0")
      .replace("port: 9090", "port: 0"),
  );
  linkProgram(directory);
  writeFileSync(
    join(directory, "token_blacklist.txt"),
    `${await logIn("bob", "builder")} 1764000000\n`,
  );
  writeFileSync(join(directory, "token.txt"), await logIn("bob", "builder"));
  const env = {
    ...process.env,
    PATH: `${directory}${delimiter}${process.env["PATH"]}`,
    TOKEN: await logIn("alice", "wonderland"),
  };
  let port = 0;

  async function run(command: string): Promise<string> {
    if (command.startsWith("revgate run ")) {
      const ready = /"address":\{[^}]*"port":(\d+)/;
      const started = await startProgram(
        t,
        ["sh", "-c", `cd "${directory}" && exec ${command}`],
        env,
        ready,
      );
      port = Number(started.match[1]);
      return "";
    }
    const child = spawn("sh", ["-c", command.replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)], {
      cwd: directory,
      env,
    });
    const { code, output } = await outputOf(child);
    // revgate check answers with 1 for a token that is not live, as it says.
    assert.ok(code === 0 || command.startsWith("revgate check "), `${command}: ${output}`);
    return output;
  }
  return run;
}

async function outputOf(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = "";
  child.stdout?.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}
