/**
 * Loaded first into a process that files of tests share: ends it and names the tests that run if one takes too long.
 * Node's runner limits the whole process only, and names none of its tests.
 */
import { afterEach, beforeEach } from "node:test";

const maxTestMs = Number(process.env["REVGATE_TEST_MAX_MS"]);

/** Each test that runs, by its timer; several may at a time. */
const running = new Map<string, NodeJS.Timeout>();
/** The test that ended last: its clean-up may be what takes so long. */
let ended = "none";

const nameOf = (t: object) => ("fullName" in t ? String(t.fullName) : "a test");

function giveUp(what: string): void {
  const names = [...running.keys()].join("\n  ") || "none";
  process.stderr.write(
    `${what} after ${maxTestMs} ms. Running:\n  ${names}\nLast ended: ${ended}\n`,
  );
  process.exit(1);
}

const startTimer = (what: string) => setTimeout(() => giveUp(what), maxTestMs).unref();

/** For what no test is told of: a clean-up that hangs, a `before` of a suite. */
let idle = startTimer("nothing began or ended");

beforeEach((t) => {
  const name = nameOf(t);
  clearTimeout(running.get(name));
  running.set(name, startTimer(`${name}: still running`));
});

afterEach((t) => {
  ended = nameOf(t);
  clearTimeout(running.get(ended));
  running.delete(ended);
});

for (const each of [beforeEach, afterEach]) {
  each(() => {
    clearTimeout(idle);
    idle = startTimer("nothing began or ended");
  });
}
