import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isGrpcCall, readGrpcSuccess } from "../../../src/gateway/grpc-answers.ts";
import { type FieldLines, HeaderList } from "../../../src/http/field-lines.ts";

describe("a call of gRPC", () => {
  it("is told by its content type, over HTTP/2 alone", () => {
    const isCall = (httpVersion: string, type: string) =>
      isGrpcCall({ httpVersion }, new HeaderList(["content-type", type]));
    assert.equal(isCall("2", "application/grpc"), true);
    assert.equal(isCall("2", "application/grpc+proto"), true);
    assert.equal(isCall("2", "application/json"), false);
    assert.equal(isCall("1.1", "application/grpc"), false);
  });
});

describe("the success of a call", () => {
  const grpc = ["content-type", "application/grpc"];
  const web = ["content-type", "application/grpc-web+proto"];
  /** The frame of gRPC-Web that holds trailers. */
  const frame = (text: string) =>
    Buffer.concat([Buffer.of(0x80, 0, 0, 0, text.length), Buffer.from(text)]);
  const read = (
    headers: FieldLines,
    {
      status = 200,
      body = Buffer.alloc(0),
      trailers = [],
    }: { status?: number; body?: Buffer | undefined; trailers?: FieldLines } = {},
  ) =>
    readGrpcSuccess(
      { status, headers, trailers: () => trailers, readBody: async () => body },
      1000,
    );

  it("is what its trailers say, or its head if it has nothing else", async () => {
    assert.equal(await read(grpc, { trailers: ["grpc-status", "0"] }), "success");
    assert.equal(await read(grpc, { trailers: ["grpc-status", "7"] }), "failure");
    assert.equal(await read([...grpc, "grpc-status", "0"]), "success");
    assert.equal(await read([...grpc, "grpc-status", "16"]), "failure");
    assert.equal(await read(grpc, { status: 503 }), "failure");
  });

  it("is in the body with gRPC-Web", async () => {
    assert.equal(await read(web, { body: frame("grpc-status: 0\r\n") }), "success");
    assert.equal(await read(web, { body: frame("grpc-status: 5\r\n") }), "failure");
  });

  it("is unknown if it ends without a status, or is too long to be read", async () => {
    assert.equal(await read(grpc), "unknown");
    assert.equal(
      await read(grpc, { trailers: ["grpc-status", "0", "grpc-status", "7"] }),
      "unknown",
    );
    const tooLong = {
      status: 200,
      headers: grpc,
      trailers: () => [],
      readBody: async () => undefined,
    };
    assert.equal(await readGrpcSuccess(tooLong, 1000), "unknown");
  });

  it("is no matter of gRPC for any other answer", () => {
    assert.equal(read(["content-type", "application/json"]), undefined);
  });
});
