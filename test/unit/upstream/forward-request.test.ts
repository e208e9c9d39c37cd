import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Answer } from "../../../src/node-http/answer.ts";
import type { ClientRequest } from "../../../src/node-http/client-request.ts";
import type { ApplicationPool } from "../../../src/upstream/application-pool.ts";
import type { ForwardOutcome } from "../../../src/upstream/forward-options.ts";
import { forwardRequest } from "../../../src/upstream/forward-request.ts";
import type { Exchange } from "../../../src/upstream/http1/exchange.ts";

describe("forwardRequest", () => {
  for (const end of ["onEnd", "onWhole"] as const) {
    it(`takes an answer that ends without a head for a lost one: ${end}`, () => {
      const lost: boolean[] = [];
      const outcomes: ForwardOutcome[] = [];
      const carry = (exchange: Exchange) => {
        exchange.onConnection({} as never);
        if (end === "onEnd") exchange.onEnd([]);
        else exchange.onWhole("");
      };
      forwardRequest({ carry } as unknown as ApplicationPool, {
        request: { method: "POST", rawHeaders: [] } as unknown as ClientRequest,
        answer: { gone: false, onClose() {} } as unknown as Answer,
        hold: {
          onResponse: () => assert.fail("there is none"),
          async onLost(sent) {
            lost.push(sent);
          },
        },
        ...{ target: "/logout", headers: [], passTrailers: () => [], addsVia: false },
        ...{ streams: false, onHead() {}, onStreaming: () => () => {} },
        network: () => "192.0.2.1",
        onEnd: (outcome) => outcomes.push(outcome),
      });
      assert.deepEqual(lost, [true]);
      assert.deepEqual(
        outcomes.map((outcome) => ("reason" in outcome ? outcome.reason : outcome.kind)),
        ["upstream_unreachable"],
      );
    });
  }

  it("tells that an answer was broken off if it can't be sent after all", () => {
    const outcomes: ForwardOutcome[] = [];
    let brokenOff = 0;
    const refused = new TypeError("forbidden");
    const carry = (exchange: Exchange) => {
      exchange.onConnection({} as never);
      exchange.onHead({ version: "1.1", status: 200, reason: "OK", headers: [] }, true);
      exchange.onWhole("ok");
    };
    const answer = {
      ...{ gone: false, maxStatus: 599, onClose() {} },
      sendWhole() {
        throw refused;
      },
      breakOff() {
        brokenOff += 1;
      },
    };
    forwardRequest({ carry } as unknown as ApplicationPool, {
      request: { method: "GET", rawHeaders: [] } as unknown as ClientRequest,
      answer: answer as unknown as Answer,
      ...{ target: "/", headers: [], passTrailers: () => [], addsVia: false, hold: undefined },
      ...{ streams: false, onHead() {}, onStreaming: () => () => {} },
      network: () => "192.0.2.1",
      onEnd: (outcome) => outcomes.push(outcome),
    });
    assert.deepEqual(outcomes, [{ kind: "broken_off", cause: refused }]);
    assert.equal(brokenOff, 1);
  });
});
