import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grpcTimeoutMs, isGrpcAnswer, isGrpcType, trailersInBody } from "../../../src/http/grpc.ts";

/** A frame of gRPC-Web; `flags` 0x80: it holds trailers. */
function frame(flags: number, text: string, length = text.length): Buffer {
  return Buffer.concat([Buffer.of(flags, 0, 0, 0, length), Buffer.from(text)]);
}

describe("gRPC", () => {
  it("has a deadline in units of its own, and none in any other text", () => {
    const given = { "2H": 7_200_000, "3M": 180_000, "4S": 4000, "5m": 5, "6u": 0.006, "0S": 0 };
    for (const [text, ms] of Object.entries(given)) assert.equal(grpcTimeoutMs(text), ms, text);
    assert.equal(grpcTimeoutMs("99999999H"), 2 ** 31 - 1);
    for (const text of ["", "5", "S", "5s", "-5S", "1.5S", "5 S", "123456789S", "constructor"]) {
      assert.equal(grpcTimeoutMs(text), undefined, text);
    }
    assert.equal(grpcTimeoutMs(undefined), undefined);
  });

  it("is told by its content type, on the web too", () => {
    const isAnswer = (type: string) => isGrpcAnswer(["Content-Type", type]);
    for (const type of ["application/grpc", "application/grpc+proto", "Application/gRPC;x=1"]) {
      assert.deepEqual([isGrpcType(type), isAnswer(type)], [true, true], type);
    }
    for (const type of ["application/grpc-web", "application/grpc-web-text+proto"]) {
      assert.deepEqual([isGrpcType(type), isAnswer(type)], [false, true], type);
    }
    for (const type of ["application/grpcx", "application/json", ""]) {
      assert.deepEqual([isGrpcType(type), isAnswer(type)], [false, false], type);
    }
    assert.equal(isGrpcAnswer([]), false);
  });

  it("has its trailers in the last frame of a body, as bytes or in pieces of base64", () => {
    const parts = [frame(0, "message"), frame(0x80, "grpc-status:0\r\nx: a:b\r\n")];
    const trailers = ["grpc-status", "0", "x", "a:b"];
    const bytes = ["content-type", "application/grpc-web+proto"];
    assert.deepEqual(trailersInBody(bytes, Buffer.concat(parts)), trailers);
    const text = parts.map((part) => part.toString("base64")).join("");
    const asText = ["content-type", "application/grpc-web-text"];
    assert.deepEqual(trailersInBody(asText, Buffer.from(text)), trailers);
    for (const cut of [
      frame(0, "message"),
      frame(0x80, "grpc-status:0\r\n", 99),
      Buffer.of(0x80),
    ]) {
      assert.deepEqual(trailersInBody(bytes, cut), []);
    }
  });
});
