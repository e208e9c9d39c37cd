import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMessageGate, type Ruling } from "../../../src/upstream/message-gate.ts";
import { clientFrame as frame } from "../../helpers/web-socket-frames.ts";

const [continuation, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10];

interface Watched {
  readonly write: (...parts: Buffer[]) => Promise<void>;
  readonly passed: () => Buffer;
  readonly judged: string[];
  readonly told: string[];
  /** How many bytes were kept, each time. */
  readonly kept: number[];
}

/** A gate by which what says "yes" passes, what says "wait" is kept, and "no" ends it. */
function startMessages(isOpen = false, maxMessageBytes = 1000): Watched {
  const [judged, told, passed]: [string[], string[], Buffer[]] = [[], [], []];
  const kept: number[] = [];
  const gate = createMessageGate({
    ...{ maxMessageBytes, isOpen, maxKept: { bytes: 500, frames: 8 } },
    judge({ data, isBinary }): Ruling | Promise<Ruling> {
      judged.push(`${isBinary ? "binary " : ""}${data}`);
      if (String(data).startsWith("no")) return Promise.resolve("stop" as const);
      return String(data).startsWith("wait") ? "keep" : "pass";
    },
    onBroken: (how) => told.push(how),
    onClosed: () => told.push("closed"),
    onKept: (bytes) => kept.push(bytes),
  });
  gate.on("data", (part: Buffer) => passed.push(part));
  const writeOne = (part: Buffer) =>
    new Promise<void>((resolve, reject) => {
      gate.write(part, (error) => (error ? reject(error) : resolve()));
    });
  return {
    async write(...parts) {
      for (const part of parts) await writeOne(part);
    },
    passed: () => Buffer.concat(passed),
    judged,
    told,
    kept,
  };
}

describe("the gate of a WebSocket's messages", () => {
  const login = [
    frame("beat", { opcode: ping }),
    frame("wait", { opcode: text }),
    frame("ye", { opcode: binary, fin: false }),
    frame("", { opcode: pong }),
    frame("s", { opcode: continuation, fin: false }),
    frame("", { opcode: continuation }),
  ];

  it("passes every byte on, masks and fragments too, once the first message may pass", async () => {
    const sent = Buffer.concat([...login, frame("yes, more"), frame("", { opcode: ping })]);
    for (const size of [1, 3, 7, sent.length]) {
      const { write, passed, judged } = startMessages();
      const parts = Array.from({ length: Math.ceil(sent.length / size) }, (_, at) =>
        sent.subarray(at * size, (at + 1) * size),
      );
      await write(...parts);
      assert.deepEqual(passed(), sent, `in parts of ${size}`);
      assert.deepEqual(judged, ["wait", "binary yes", "yes, more"]);
    }
  });

  it("passes nothing before that, not a ping nor a close", async () => {
    const { write, passed, told } = startMessages();
    await write(...login.slice(0, -1));
    assert.equal(passed().length, 0);
    await write(frame(Buffer.from([3, 232]), { opcode: close }), frame("yes"));
    assert.equal(passed().length, 0);
    assert.deepEqual(told, ["closed"]);
  });

  it("passes nothing any more behind a message that may not", async () => {
    const { write, passed, judged } = startMessages(true);
    await write(Buffer.concat([frame("yes"), frame("no"), frame("yes")]), frame("yes"));
    assert.deepEqual(passed(), frame("yes"));
    assert.deepEqual(judged, ["yes", "no"]);
  });

  it("lets others have their turn while it reads thousands of frames of one packet", async () => {
    const { write, passed, judged } = startMessages(true);
    const sent = Buffer.concat(Array.from({ length: 6400 }, () => frame("y")));
    let turns = 0;
    const count = () => {
      turns += 1;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await write(sent);
    clearImmediate(timer);
    assert.ok(turns >= 100, `${turns}`);
    assert.equal(judged.length, 6400);
    assert.deepEqual(passed(), sent);
  });

  it("tells how much it keeps, and that it keeps nothing", async () => {
    const { write, kept } = startMessages(true);
    const message = frame("yes");
    await write(...Array.from(message, (byte) => Buffer.from([byte])), frame("ye", { fin: false }));
    const half = frame("ye", { fin: false }).length;
    assert.deepEqual(kept, [...Array.from(message, (_, at) => at + 1).slice(0, -1), 0, half]);
    await write(frame("no", { masked: false }));
    assert.equal(kept.at(-1), 0);
  });

  it("passes a close on, and not the half message before it", async () => {
    const { write, passed, told } = startMessages(true);
    const closing = frame(Buffer.from([3, 232]), { opcode: close });
    await write(frame("ye", { fin: false }), closing, frame("s", { opcode: continuation }));
    assert.deepEqual(passed(), closing);
    assert.deepEqual(told, []);
  });

  // Of the last two, so few bytes are no matter.
  const manyBytes = 100_000;
  const faults: [string, string, boolean, () => Buffer[], number?][] = [
    ["a frame without a mask", "malformed", true, () => [frame("yes", { masked: false })]],
    ["a compressed message", "malformed", true, () => [frame("yes", { reserved: 0x40 })]],
    [
      "a continuation of nothing",
      "malformed",
      true,
      () => [frame("yes", { opcode: continuation })],
    ],
    ["text that is no UTF-8", "malformed", true, () => [frame(Buffer.from([0xff]))]],
    ["a message of more than its bound", "too_large", true, () => [frame("x".repeat(1001))]],
    [
      "the head of a message of 2 GiB",
      "too_large",
      true,
      () => [Buffer.from("81ff000000008000000000000000", "hex")],
    ],
    [
      "a message of more than its bound, in parts",
      "too_large",
      true,
      () => [
        frame("x".repeat(999), { fin: false }),
        frame("xx", { opcode: continuation, fin: false }),
      ],
    ],
    ["more than its bound before a token", "too_large", false, () => [frame("x".repeat(600))]],
    [
      "more frames than their bound before a token",
      "too_large",
      false,
      () => Array.from({ length: 9 }, () => frame("", { opcode: pong })),
    ],
    [
      "a message in thousands of empty parts",
      "too_large",
      true,
      () => [
        frame("y", { fin: false }),
        Buffer.concat(
          Array.from({ length: 1100 }, () => frame("", { opcode: continuation, fin: false })),
        ),
      ],
      manyBytes,
    ],
    [
      "thousands of pings within a message",
      "too_large",
      true,
      () => [
        frame("y", { fin: false }),
        Buffer.concat(Array.from({ length: 2100 }, () => frame("", { opcode: ping }))),
      ],
      manyBytes,
    ],
  ];
  for (const [what, how, isOpen, parts, maxMessageBytes] of faults) {
    it(`ends with ${what}, of which nothing passes`, async () => {
      const { write, passed, told } = startMessages(isOpen, maxMessageBytes);
      await write(...parts(), frame("yes"));
      assert.deepEqual(told, [how]);
      assert.equal(passed().length, 0);
    });
  }
});
