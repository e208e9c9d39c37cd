import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PreparedAnswer, textOf } from "../../../src/node-http/whole-answers.ts";
import { answerOf } from "../../helpers/whole-answers.ts";

/** (What it is beside Node's own: http-messages.test.ts and direct-answers.test.ts.) */
describe("the text of an answer", () => {
  it("has the date of its second", (t) => {
    const prepared = new PreparedAnswer(answerOf());
    const dates = () =>
      [textOf(answerOf(), "GET", 0), prepared.textWith([], "GET", 0)].map(
        (text) => /\r\nDate: ([^\r]*)\r\n/.exec(text ?? "")?.[1],
      );
    const both = (date: string) => [date, date];
    t.mock.timers.enable({ apis: ["Date"], now: 784_111_777_000 });
    assert.deepEqual(dates(), both("Sun, 06 Nov 1994 08:49:37 GMT"));
    t.mock.timers.setTime(784_111_777_999);
    assert.deepEqual(dates(), both("Sun, 06 Nov 1994 08:49:37 GMT"));
    t.mock.timers.setTime(784_111_778_000);
    assert.deepEqual(dates(), both("Sun, 06 Nov 1994 08:49:38 GMT"));
  });

  it("ends with the head where it answers HEAD", () => {
    const prepared = new PreparedAnswer(answerOf());
    for (const text of [textOf(answerOf(), "HEAD", 0), prepared.textWith([], "HEAD", 0)]) {
      assert.match(text ?? "", /\r\n\r\n$/);
    }
  });

  it("is the same of one that is prepared", (t) => {
    t.mock.timers.enable({ apis: ["Date"] });
    const more = ["X-A", "b", "X-C", "d"];
    const prepared = new PreparedAnswer(answerOf());
    for (const method of ["GET", "HEAD"]) {
      assert.equal(prepared.textWith(more, method, 5000), textOf(answerOf(more), method, 5000));
      assert.deepEqual(prepared.with(more), answerOf(more));
    }
  });
});
