import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { freePort } from "../helpers/ports.ts";
import { repository } from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";

const page = readFileSync(join(repository, "docs/quick-start.md"), "utf8");
const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
  block.trim().split("\n"),
);

/** What waits for a program that the command before it has started, as a person does by reading. The page waits for revgate. */
const waits: Readonly<Record<string, string>> = {
  "PORT=3000": "http://127.0.0.1:3000/",
};

describe("docs/quick-start.md", () => {
  it("leads from an empty folder to a session that ends and a query that moves", async (t) => {
    const directory = temporaryDirectory(t);
    const folder = join(directory, "empty");
    mkdirSync(folder);
    symlinkSync(repository, join(directory, "revgate"));
    const bin = join(directory, "bin");
    mkdirSync(bin);
    // What `npm install --global .` would put on the path.
    const program = join(bin, "revgate");
    writeFileSync(
      program,
      `#!/bin/sh\nexec "${process.execPath}" "${repository}/dist/cli.js" "$@"\n`,
    );
    chmodSync(program, 0o755);

    const script = commands.flatMap((command) => {
      const started = Object.entries(waits).find(([beginning]) => command.startsWith(beginning));
      const wait = started && `until curl -s -o /dev/null ${started[1]}; do sleep 0.1; done`;
      return [
        `echo '@ ${command.slice(0, 60).replaceAll("'", "")}'`,
        command,
        ...(wait ? [wait] : []),
      ];
    });
    const ports = new Map<string, number>();
    for (const port of ["3000", "8080", "9090", "9091"]) ports.set(port, await freePort());
    // Nobody else may have the ports of the page on this machine.
    const moved = script
      .join("\n")
      .replace(/(?<=127\.0\.0\.1:|PORT=)(3000|8080|909[01])/g, (port) => String(ports.get(port)));
    const move = ["8080", "9090"].map((port) => `-e 's/port: ${port}$/port: ${ports.get(port)}/'`);
    const whole = moved
      .replace(
        "\nrevgate init --yes",
        `\nrevgate init --yes --upstream http://127.0.0.1:${ports.get("3000")}`,
      )
      .replace(
        "\nrevgate run &",
        `\nsed -i ${move.join(" ")} revgate.yaml\nrevgate run > revgate.log &`,
      );

    const child = spawn("bash", ["-c", `set -e\n${whole}\nkill $(jobs -p)\nwait || true`], {
      cwd: folder,
      env: { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"]}` },
      detached: true,
    });
    t.after(() => {
      try {
        process.kill(-(child.pid ?? 0), "SIGKILL");
      } catch {
        // It has ended, and all that it started.
      }
    });
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const said = (command: string) => output.split("@ ").filter((part) => part.startsWith(command));
    const [live, dead] = said(
      "curl -i http://127.0.0.1:8080/me".replace("8080", String(ports.get("8080"))),
    );
    assert.match(live ?? "", /HTTP\/1\.1 200/, `${output}${errors}`);
    assert.match(dead ?? "", /HTTP\/1\.1 401[\s\S]*"token_revoked"/);
    const all = said("curl -i http://127.0.0.1:").at(-1) ?? "";
    assert.match(
      all,
      /HTTP\/1\.1 401[\s\S]*"token_revoked"/,
      "the second session, ended by its subject",
    );
    assert.match(said("revgate check-config --explain")[0] ?? "", /revokes +the token it carries/);
    const [, answer = ""] = /(\{"status":"success".*\})/.exec(output) ?? [];
    const { result } = JSON.parse(answer).data as {
      result: { metric: { outcome: string }; value: [number, string] }[];
    };
    const counts = Object.fromEntries(
      result.map(({ metric, value }) => [metric.outcome, Number(value[1])]),
    );
    assert.ok(
      (counts["forwarded"] ?? 0) >= 4 && counts["token_revoked"] === 2,
      JSON.stringify(counts),
    );
  });
});
