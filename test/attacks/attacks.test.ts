import { describe, it } from "node:test";
import { classes } from "./classes/index.ts";
import { placeRevgate } from "./gatekeepers.ts";

describe("revgate withstands", () => {
  for (const attacks of classes) {
    it(attacks.name, async (t) => {
      const attempts = await attacks.prepare(t, placeRevgate);
      for (const [index, { name, source }] of attacks.vectors.entries()) {
        await t.test(`${name} (${source})`, attempts[index]);
      }
    });
  }
});
