import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MethodDefinition } from "@grpc/grpc-js";
import { loadGrpc } from "../../../../src/decisions/grpc/load-grpc.ts";
import { measureMessage, type Shape } from "../../../../src/decisions/grpc/message-size.ts";
import { fc } from "../../../helpers/fast-check.ts";

const { requestSerialize: serialize } = loadGrpc().services.processor[
  "Process"
] as MethodDefinition<object, object>;
const shape: Shape = { 2: { 1: { 1: {} } }, 4: { 1: "body" } };

describe("the size of a message", () => {
  it("has each header line, and all bytes but those of bodies", () => {
    const headers = Array.from({ length: 300 }, () => ({ key: "a", rawValue: Buffer.from("b") }));
    const head = serialize({ requestHeaders: { headers: { headers } } });
    // The head, its list, its lines, and name and value of each.
    assert.deepEqual(measureMessage(head, shape), { bytes: head.length, fields: 2 + 3 * 300 });
    for (const length of [0, 1, 127, 128, 3_000_000]) {
      const body = serialize({ requestBody: { body: Buffer.alloc(length), endOfStream: true } });
      const size = measureMessage(body, shape);
      assert.ok(size && size.bytes <= 16 && size.fields <= 3, JSON.stringify(size));
    }
    const empty = Buffer.from("0a00".repeat(1000), "hex");
    assert.deepEqual(measureMessage(empty, shape), { bytes: 2000, fields: 1000 });
    const lines = Buffer.concat([Buffer.from("12d30f0ad00f", "hex"), empty]);
    assert.deepEqual(measureMessage(lines, shape), { bytes: 2006, fields: 1002 });
  });

  it("is unknown if it can't be read", () => {
    const unreadable = [
      "0a",
      "0a05aa",
      "0b0c",
      "08",
      "09aa",
      "0d",
      "0f",
      "ff".repeat(11),
      "12020a05",
    ];
    for (const hex of unreadable) {
      assert.equal(measureMessage(Buffer.from(hex, "hex"), shape), undefined, hex);
    }
  });

  it("is found for any bytes, in no more time than there are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const size = measureMessage(bytes, shape);
        assert.ok(
          size === undefined || (size.bytes <= bytes.length && size.fields <= bytes.length),
        );
      }),
    );
  });
});
