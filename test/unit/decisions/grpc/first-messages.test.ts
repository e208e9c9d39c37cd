import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  ServerInterceptingCallInterface,
  ServerListener,
  ServerMethodDefinition,
} from "@grpc/grpc-js";
import { limitFirstMessages, maxUnasked } from "../../../../src/decisions/grpc/first-messages.ts";
import { loadGrpc } from "../../../../src/decisions/grpc/load-grpc.ts";

const method = {} as ServerMethodDefinition<unknown, unknown>;

/** Calls at a server whose times never come, and what has become of each. */
function openCalls(timeoutMs: number) {
  const told: string[] = [];
  const limit = limitFirstMessages(loadGrpc().grpc, {
    timeoutMs,
    onCrowded: (peer, why) => told.push(`${peer}: ${why}`),
  });
  const begin = (remoteAddress: string) => {
    let listener: ServerListener = {};
    let end: (code: number | undefined) => void = () => {};
    const ended = new Promise<number | undefined>((resolve) => {
      end = resolve;
    });
    const call: Partial<ServerInterceptingCallInterface> = {
      getConnectionInfo: () => ({ remoteAddress }),
      start: (given) => {
        listener = given;
      },
      sendStatus: ({ code }) => end(code ?? undefined),
    };
    let isClosed = false;
    const onReceiveHalfClose = () => {
      isClosed = true;
    };
    const nothing = { onReceiveMetadata() {}, onReceiveMessage() {}, onReceiveHalfClose };
    const intercepted = limit(method, call as ServerInterceptingCallInterface);
    intercepted.start({ ...nothing, onCancel() {} });
    const halfClose = () => {
      listener.onReceiveHalfClose?.(() => {});
      return isClosed;
    };
    return { ended, halfClose, ask: () => listener.onReceiveMessage?.({}, () => {}) };
  };
  return { begin, told };
}

describe("calls without their first message", () => {
  it("end in time", async () => {
    const { begin, told } = openCalls(1);
    assert.equal(await begin("10.0.0.1").ended, 4);
    assert.deepEqual(told, ["10.0.0.1: the first message has not come in time"]);
  });

  it("are told of their end, which is passed on", () => {
    const { begin, told } = openCalls(2 ** 31 - 1);
    assert.equal(begin("10.0.0.1").halfClose(), true);
    assert.deepEqual(told, []);
  });

  it("make room for others: the network with the most loses its oldest, and those that have asked nothing", async () => {
    const { begin, told } = openCalls(2 ** 31 - 1);
    const own = begin("10.0.0.2");
    const asked = begin("10.0.0.1");
    asked.ask();
    const [oldest, ...others] = Array.from({ length: maxUnasked - 1 }, () => begin("10.0.0.1"));
    assert.deepEqual(told, []);
    const next = begin("10.0.0.2");
    assert.equal(await oldest?.ended, 4);
    assert.deepEqual(told, ["10.0.0.1: too many calls without their first message"]);
    for (const call of [own, next, ...others]) call.ask();
  });
});
