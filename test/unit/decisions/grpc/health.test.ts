import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { createHealth } from "../../../../src/decisions/grpc/health.ts";

/** A health service, and calls that watch it. */
function health() {
  const state = { serving: true, crowded: [] as string[] };
  const made = createHealth({
    offered: ["", "envoy"],
    isServing: () => state.serving,
    onCrowded: (peer) => state.crowded.push(peer),
  });
  const watch = (service: string | undefined, peer = "10.0.0.1:1") => {
    const said: unknown[] = [];
    const call = Object.assign(new EventEmitter(), {
      request: service === undefined ? {} : { service },
      getPeer: () => peer,
      write: ({ status }: { status: number }) => said.push(status),
      end: () => said.push("end"),
    });
    call.on("error", ({ code }: { code: number }) => said.push(`error ${code}`));
    made.service.Watch(call as never);
    return { call, said };
  };
  const check = (service?: string) => {
    let answer: unknown;
    made.service.Check({ request: { service } } as never, (error, value) => {
      answer = error === null ? value?.status : (error as { code: number }).code;
    });
    return answer;
  };
  return { state, watch, check, tell: made.tell };
}

describe("the health of the gateways' port", () => {
  it("is told for what it offers, and not found for the rest", () => {
    const { state, check } = health();
    assert.deepEqual([check(), check("envoy"), check("other")], [1, 1, 5]);
    state.serving = false;
    assert.deepEqual([check("envoy"), check("other")], [2, 5]);
  });

  it("is told to those who watch at once, and at each change, the last of which ends the watch", () => {
    const { state, watch, tell } = health();
    const known = watch("envoy");
    const unknown = watch("other");
    assert.deepEqual([known.said, unknown.said], [[1], [3]]);
    tell();
    assert.deepEqual(
      [known.said, unknown.said],
      [
        [1, 1],
        [3, 3],
      ],
    );
    state.serving = false;
    tell();
    tell();
    assert.deepEqual(
      [known.said, unknown.said],
      [
        [1, 1, 2, "end"],
        [3, 3, 3, "end"],
      ],
    );
  });

  it("is told no more to one that has left", () => {
    const { watch, tell } = health();
    const { call, said } = watch(undefined);
    call.emit("cancelled");
    tell();
    assert.deepEqual(said, [1, "end"]);
  });

  it("may be watched a thousand times; then the network with the most loses its oldest", () => {
    const { state, watch } = health();
    const many = Array.from({ length: 1000 }, () => watch("", "192.0.2.1:5"));
    const newcomer = watch("", "192.0.2.9:5");
    assert.deepEqual(many[0]?.said, [1, "error 8"]);
    assert.deepEqual([many[1]?.said, newcomer.said], [[1], [1]]);
    assert.deepEqual(state.crowded, ["192.0.2.1"]);
  });
});
