import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grpcStatusOf, isGrpc, refusalForEnvoy } from "../../../../src/decisions/grpc/answers.ts";
import type { Visit } from "../../../../src/gateway/visit.ts";
import { HeaderList } from "../../../../src/http/field-lines.ts";

const visit = (type?: string) =>
  ({
    headers: new HeaderList(type === undefined ? [] : ["Content-Type", type]),
    requestId: "id",
  }) as unknown as Visit;
const whole = (status: number) => ({
  ...{ status, reason: "", body: "{}" },
  headers: [
    "Content-Type",
    "application/json",
    "Content-Length",
    "2",
    "Connection",
    "close",
    "A",
    "b",
  ],
});

describe("a refusal through Envoy", () => {
  it("has what is not Envoy's to make, the reason, and the id", () => {
    assert.deepEqual(refusalForEnvoy(whole(401), visit(), "token_revoked"), {
      status: 401,
      headers: [
        ...["content-type", "application/json", "a", "b"],
        ...["x-revgate-error", "token_revoked", "x-request-id", "id"],
      ],
      body: "{}",
    });
  });

  it("says the reason to a client of gRPC in place of a body", () => {
    const { headers, body } = refusalForEnvoy(
      whole(401),
      visit("application/grpc"),
      "token_revoked",
    );
    assert.equal(body, "token_revoked");
    assert.ok(!headers.includes("content-type") && headers.includes("a"));
    for (const type of ["application/grpc", "application/grpc+proto", "Application/gRPC;v=1"])
      assert.ok(isGrpc(visit(type)), type);
    for (const type of [undefined, "application/grpcx", "text/application/grpc"])
      assert.ok(!isGrpc(visit(type)), type);
  });

  it("has the status of the error if Envoy does not know the configured one", () => {
    assert.equal(refusalForEnvoy(whole(499), visit(), "token_revoked").status, 401);
    assert.equal(refusalForEnvoy(whole(503), visit(), "token_revoked").status, 503);
  });

  it("has the status of gRPC that means the same", () => {
    assert.deepEqual(
      [401, 403, 429, 499, 400, 500, 503].map(grpcStatusOf),
      [16, 7, 14, 13, 13, 14, 14],
    );
  });
});
