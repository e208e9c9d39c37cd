import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  grpcFormOf,
  grpcRefusal,
  isGrpcCall,
  readGrpcSuccess,
} from "../../../src/gateway/grpc-answers.ts";
import { type FieldLines, HeaderList } from "../../../src/http/field-lines.ts";
import { trailersInBody } from "../../../src/http/grpc.ts";

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

describe("a refusal of a call", () => {
  const web = (type: string, httpVersion = "1.1") =>
    grpcFormOf({ httpVersion }, new HeaderList(["content-type", type]));
  const { headers: head } = grpcRefusal("token_expired", "Expired.", "http2");
  const told = head.slice(2);

  it("has a form by the content type of the request", () => {
    assert.equal(web("application/grpc", "2"), "http2");
    assert.equal(web("application/grpc"), undefined);
    assert.equal(web("application/json"), undefined);
    assert.equal(grpcFormOf({ httpVersion: "1.1" }, new HeaderList([])), undefined);
    for (const version of ["1.1", "2"]) {
      assert.equal(web("application/grpc-web", version), "web");
      assert.equal(web("application/grpc-web+proto", version), "web");
      assert.equal(web("application/grpc-web-text+proto", version), "web-text");
    }
  });

  it("says in a body of gRPC-Web what it says in a head over HTTP/2", () => {
    for (const form of ["web", "web-text"] as const) {
      const { headers, body, status } = grpcRefusal("token_expired", "Expired.", form);
      assert.equal(status, 200);
      assert.deepEqual(trailersInBody(headers, Buffer.from(body, "latin1")), told);
      assert.equal(new HeaderList(headers).first("content-length"), String(body.length));
    }
    assert.deepEqual(told.slice(0, 4), ["grpc-status", "16", "grpc-message", "Expired."]);
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
  });

  it("is unknown if it is no number, or not the only one: clients differ in what they make of it", async () => {
    for (const status of ["", "00", "-0", "0x0", "1e1", "07", "abc", "-1"]) {
      assert.equal(await read(grpc, { trailers: ["grpc-status", status] }), "unknown", status);
    }
    const failed = [...grpc, "grpc-status", "7"];
    assert.equal(await read(failed, { trailers: ["grpc-status", "0"] }), "unknown");
    assert.equal(await read(failed, { trailers: ["grpc-status", "7"] }), "failure");
    assert.equal(
      await read([...web, "grpc-status", "7"], { body: frame("grpc-status: 0\r\n") }),
      "unknown",
    );
  });

  it("is what the status of gRPC says, and that of HTTP if there is none", async () => {
    assert.equal(await read(grpc, { status: 503, trailers: ["grpc-status", "0"] }), "success");
    assert.equal(await read(grpc, { status: 503, trailers: ["grpc-status", "7"] }), "failure");
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
