/**
 * Loaded first into a process that files of tests share: ends it and names the test that runs if that takes too
 * long. Node's runner limits the whole process only, and names none of its tests.
 */
import { beforeEach } from "node:test";

const maxTestMs = Number(process.env["REVGATE_TEST_MAX_MS"]);

let timer: NodeJS.Timeout | undefined;
beforeEach((t) => {
  clearTimeout(timer);
  const name = "fullName" in t ? t.fullName : "a test";
  timer = setTimeout(() => {
    process.stderr.write(`still running after ${maxTestMs} ms: ${name}\n`);
    process.exit(1);
  }, maxTestMs);
  timer.unref();
});
