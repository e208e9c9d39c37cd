import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FeedReader } from "../../../../src/denylist/redis/feed-reader.ts";
import { KeySpace } from "../../../../src/denylist/redis/key-space.ts";
import { OwnLines } from "../../../../src/denylist/redis/own-lines.ts";
import { readState } from "../../../../src/denylist/redis/store-state.ts";

const found = `EpochEpochEpoch1 150 1-0 ${"a".repeat(40)} ${"b".repeat(40)}`;
const guard = "EpochEpochEpoch1 0 moved -";
const [, , , ...server] = found.split(" ");
const said = [found, server.join(" "), "master", 0, -2, guard, "0"];
const position = { id: "5-1", text: "put five" };

/** A reader, and which of the two kinds of questions it has asked on a connection of which the test tells the number. */
function setUp() {
  const asked: ("full" | "steady")[] = [];
  const connection = {
    number: 1,
    duringSteady: () => {},
    async run() {
      asked.push("full");
      return [said, ["there", "put five"], ["there", "put five"], [], ["1", "0"], 0];
    },
    async inOneStep() {
      asked.push("steady");
      connection.duringSteady();
      return [[found, guard, null], ["master", 17, []], 3, [["5-1", ["line", "put five"]]]];
    },
  };
  const reader = new FeedReader({
    connection: connection as never,
    keys: new KeySpace("revgate:", { spread: false }),
    ownLines: new OwnLines(),
    stateOf: (reply) => {
      const state = readState((reply as unknown[])[0], { replicas: 0, allowEviction: false });
      assert.ok(state);
      return state;
    },
    needsReplicas: false,
  });
  const read = (maxAgeMs = 60_000) => reader.readFeed({ position, count: 10, maxAgeMs });
  return { asked, connection, read };
}

describe("FeedReader", () => {
  it("goes by a full reading while that is not too old", async () => {
    const { asked, read } = setUp();
    await read();
    assert.deepEqual(asked, ["full"]);
    assert.equal((await read()).sidecars, 3);
    await read();
    await read(0);
    assert.deepEqual(asked, ["full", "steady", "steady", "full"]);
  });

  it("goes by no full reading of another connection, which may lead to another server", async () => {
    const { asked, connection, read } = setUp();
    await read();
    connection.number = 2;
    await read();
    assert.deepEqual(asked, ["full", "full"]);
  });

  it("goes by none if the connection became another one while it asked", async () => {
    const { asked, connection, read } = setUp();
    await read();
    connection.duringSteady = () => {
      connection.number = 2;
    };
    assert.equal((await read()).sidecars, undefined);
    assert.deepEqual(asked, ["full", "steady", "full"]);
  });
});
