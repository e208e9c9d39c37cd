import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  readOtherTokens,
  readSparedTokens,
  type TokenChecks,
} from "../../../src/gateway/other-tokens.ts";
import type { Route } from "../../../src/gateway/route.ts";
import type { Visit } from "../../../src/gateway/visit.ts";
import type { BodyFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { plainNames } from "../../../src/token/names.ts";
import type { Verification, VerifyOptions } from "../../../src/token/verifier.ts";

const token = {
  ...{ id: "x", expiresAt: 10, notBefore: undefined, subject: undefined, issuedAt: undefined },
};

/** Checks whose verifier a test answers for, with what it was asked. */
function checksOf(verify: (credential: string) => Verification) {
  const asked: [credential: string, search: VerifyOptions["search"]][] = [];
  const checks = {
    verifier: {
      verify(credential: string, { search }: VerifyOptions = {}) {
        asked.push([credential, search]);
        return verify(credential);
      },
      names: plainNames,
    },
    checkTurns: { charged: {} },
    tokenBytes: 100,
    clock: { nowSeconds: () => 5 },
    clientCertificates: undefined,
  } as unknown as TokenChecks;
  return { checks, asked };
}

function visitOf(lines: readonly string[], fields?: BodyFields): Visit {
  const body = fields && { bytes: Buffer.alloc(0), fields };
  return {
    ...{ headers: new HeaderList(lines), target: "/", peer: { address: "10.0.0.1" }, body },
  } as unknown as Visit;
}

const cookie = { kind: "cookie", name: "refresh", scheme: undefined } as const;
const member = { kind: "json", pointer: "/refresh", scheme: undefined } as const;
const routeOf = (source: typeof cookie | typeof member): Route => ({
  ...{ access: "protected", revoke: "token", alsoRevoke: [{ source, lifetimeSeconds: 60 }] },
});

describe("tokens that end with the one that is carried", () => {
  it("are those that are there: the issuer's by what they say, others by their text", () => {
    const { checks } = checksOf((text) =>
      text === "jwt" ? { kind: "valid", token } : { kind: "invalid" },
    );
    const read = (...lines: string[]) => readOtherTokens(checks, routeOf(cookie), visitOf(lines));
    assert.deepEqual(read(), []);
    assert.deepEqual(read("cookie", "refresh=jwt"), [token]);
    const opaque = read("cookie", "refresh=text");
    assert.ok(Array.isArray(opaque));
    assert.deepEqual([opaque[0]?.isOpaque, opaque[0]?.expiresAt], [true, 65]);
    assert.deepEqual(read("cookie", "refresh=a; refresh=b"), {
      ...{ kind: "deny", reason: "token_ambiguous" },
    });
  });

  it("are found under another spelling of their member, if it has one value", () => {
    const { checks } = checksOf(() => ({ kind: "valid", token }));
    const read = (value: unknown) =>
      readOtherTokens(checks, routeOf(member), visitOf([], { kind: "json", value } as BodyFields));
    assert.deepEqual(read({ refresh: "a" }), [token]);
    assert.deepEqual(read({ Refresh: "a" }), [token]);
    assert.deepEqual(read({ refresh: ["a", "b"] }), {
      ...{ kind: "deny", reason: "token_ambiguous" },
    });
  });

  it("have a request wait for its turn, and once for a key", () => {
    const unchecked = checksOf(() => ({ kind: "unchecked" }));
    const lines = ["cookie", "refresh=jwt"];
    const turn = readOtherTokens(unchecked.checks, routeOf(cookie), visitOf(lines));
    assert.deepEqual(turn, { kind: "wait", what: "turn" });

    const ready = Promise.resolve();
    const { checks, asked } = checksOf(() => ({ kind: "unknown_key", ready }));
    const visit = visitOf(lines);
    assert.deepEqual(readOtherTokens(checks, routeOf(cookie), visit), {
      ...{ kind: "wait", what: "key", ready },
    });
    readOtherTokens(checks, routeOf(cookie), visit);
    assert.deepEqual(asked, [
      ["jwt", "at_once"],
      ["jwt", "none"],
    ]);
    const gone = checksOf(() => ({ kind: "unknown_key", ready: undefined }));
    assert.deepEqual(readOtherTokens(gone.checks, routeOf(cookie), visitOf(lines)), {
      ...{ kind: "deny", reason: "keys_unavailable" },
    });
  });
});

describe("tokens that stay", () => {
  it("are the issuer's alone, and wait like others", () => {
    const route: Route = {
      ...{ access: "protected", revoke: "others", sparing: { sent: [cookie], handedOut: [] } },
    };
    const lines = ["cookie", "refresh=jwt"];
    const read = (verification: Verification) =>
      readSparedTokens(checksOf(() => verification).checks, route, visitOf(lines));
    assert.deepEqual(read({ kind: "valid", token }), [token]);
    assert.deepEqual(read({ kind: "invalid" }), []);
    assert.deepEqual(read({ kind: "unchecked" }), { kind: "wait", what: "turn" });
  });
});
