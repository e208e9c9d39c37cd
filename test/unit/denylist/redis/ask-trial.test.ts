import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AskTrial } from "../../../../src/denylist/redis/ask-trial.ts";
import { Troubles } from "../../../../src/denylist/redis/troubles.ts";

/** A trial whose questions are answered when the test says so. */
function startTrial() {
  const asked: { resolve(): void; reject(error: Error): void }[] = [];
  const troubles = new Troubles(() => {});
  const ask = () =>
    new Promise<never>((resolve, reject) => asked.push({ resolve: resolve as () => void, reject }));
  return { asked, troubles, trial: new AskTrial({ ask } as never, troubles) };
}

describe("asking redis without a request", () => {
  it("asks one question at a time, until one is answered", async () => {
    const { asked, troubles, trial } = startTrial();
    assert.equal(troubles.reasonOf("ask"), "redis has not been asked yet");
    const first = trial.tryAgain();
    void trial.tryAgain();
    assert.equal(asked.length, 1, "the answer is still awaited");
    asked[0]?.reject(new Error("redis does not answer"));
    await first;
    assert.equal(troubles.reasonOf("ask"), "redis does not answer");

    const second = trial.tryAgain();
    assert.equal(asked.length, 2);
    asked[1]?.resolve();
    await second;
    assert.equal(troubles.reasonOf("ask"), undefined);
    void trial.tryAgain();
    assert.equal(asked.length, 2, "it can be asked");
  });

  it("asks again if asking fails later", async () => {
    const { asked, troubles, trial } = startTrial();
    const first = trial.tryAgain();
    asked[0]?.resolve();
    await first;
    troubles.set("ask", "redis refuses");
    void trial.tryAgain();
    assert.equal(asked.length, 2);
  });
});
