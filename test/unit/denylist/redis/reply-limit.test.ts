import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { ReplyLimit } from "../../../../src/denylist/redis/reply-limit.ts";

const megabyte = { length: 1024 * 1024 };

describe("the limit of what Redis may send", () => {
  it("is exceeded by one answer that nothing of revgate's can be, and not by many answers", () => {
    let exceeded = 0;
    const limit = new ReplyLimit(() => {
      exceeded += 1;
    });
    const socket = new EventEmitter();
    limit.watch(socket);
    for (let answer = 0; answer < 10; answer += 1) {
      limit.began();
      for (let part = 0; part < 16; part += 1) socket.emit("data", megabyte);
      limit.ended();
    }
    assert.equal(exceeded, 0);
    limit.began();
    for (let part = 0; part < 17; part += 1) socket.emit("data", megabyte);
    assert.equal(exceeded, 1);
  });
});
