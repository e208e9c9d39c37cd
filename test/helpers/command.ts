import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { main } from "../../src/commands/main.ts";

/** What somebody types, and where. */
interface Typed {
  readonly answers?: string;
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs `revgate` in this process; `answers` are typed at a terminal, `input` comes through a pipe. */
export async function revgate(
  args: readonly string[],
  { answers = "", input = "", env = {} }: Typed = {},
) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  if (answers === "") stdin.end(input);
  else Object.assign(stdin, { isTTY: true }).write(answers);
  const code = await main(args, {
    ...{ env, stdin, stdout, stderr },
    waitForTermination: () => assert.fail("nothing runs"),
    openLog: () => assert.fail("nothing runs"),
    onReloadRequest: () => assert.fail("nothing runs"),
    onUncaught: () => assert.fail("nothing runs"),
    spawnNode: () => assert.fail("nothing runs"),
    spawnProgram: () => assert.fail("nothing runs"),
  });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}
