import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { within } from "../../../src/platform/within.ts";

const tooLate = () => new Error("too late");

describe("within", () => {
  it("is what the promise is, if that is in time", async () => {
    const limitMs = 60_000;
    assert.equal(await within(Promise.resolve(1), { limitMs, tooLate }), 1);
    const failing = within(Promise.reject(new Error("itself")), { limitMs, tooLate });
    await assert.rejects(failing, { message: "itself" });
  });

  it("says so if it is too late, and hands over what comes then", async () => {
    let settle = (_value: string) => {};
    const promise = new Promise<string>((resolve) => {
      settle = resolve;
    });
    const late = new Promise((onLate) => {
      const waited = within(promise, { limitMs: 1, tooLate, onLate });
      void assert.rejects(waited, { message: "too late" }).then(() => settle("all the same"));
    });
    assert.equal(await late, "all the same");
  });

  it("drops an error that comes later", async () => {
    let fail = (_error: Error) => {};
    const promise = new Promise<never>((_, reject) => {
      fail = reject;
    });
    await assert.rejects(within(promise, { limitMs: 1, tooLate }), { message: "too late" });
    fail(new Error("nobody hears of it"));
    await assert.rejects(promise);
  });
});
