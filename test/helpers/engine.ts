import { engines } from "../../src/node-http/engine.ts";

/** The engine that the gates of this run of tests are served by; `npm test` runs some tests on each. */
export const testedEngine =
  engines.find((name) => name === process.env["REVGATE_TEST_ENGINE"]) ?? "direct";

/** The same as a line of YAML. */
export const engineSetting = `server: { engine: ${testedEngine} }`;
