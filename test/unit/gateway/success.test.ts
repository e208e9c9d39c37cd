import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { any2xx, readSuccess, type Success } from "../../../src/gateway/success.ts";
import type { HeldResponse } from "../../../src/upstream/held-response.ts";

/** An answer of the application; a text as its body is sent as it stands. */
function answer(status: number, body?: unknown, type = "application/json"): HeldResponse {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    status,
    headers: body === undefined ? [] : ["Content-Type", type],
    readBody: async () => Buffer.from(text),
  } as unknown as HeldResponse;
}

const read = async (rules: readonly Success[], response: HeldResponse) =>
  readSuccess(rules, response, 1000);
const in200 = { statuses: [[200, 200]] } as const;

describe("success by status", () => {
  it("is any 2xx by default, and what a rule says: nothing is read for it", async () => {
    for (const status of [200, 204, 299])
      assert.equal(await read([any2xx], answer(status)), "success");
    for (const status of [199, 300, 500])
      assert.equal(await read([any2xx], answer(status)), "failure");
    const found = { statuses: [[302, 303]], member: undefined } as const;
    assert.equal(await read([any2xx, found], answer(303)), "success");
  });
});

describe("success by a member", () => {
  const isCode = (values: readonly (string | number)[] | "absent"): Success => ({
    ...in200,
    member: { pointer: "/code", values },
  });

  it("is one of the values, as JSON has it; without the member it is unknown", async () => {
    const rule = isCode([0, "ok"]);
    for (const code of [0, "ok"])
      assert.equal(await read([rule], answer(200, { code })), "success");
    for (const code of [1, "0", null])
      assert.equal(await read([rule], answer(200, { code })), "failure");
    assert.equal(await read([rule], answer(200, {})), "unknown");
    assert.equal(await read([rule], answer(500, { code: 0 })), "failure");
  });

  it("may be its absence, or null", async () => {
    for (const body of [{}, { code: null }])
      assert.equal(await read([isCode("absent")], answer(200, body)), "success");
    assert.equal(await read([isCode("absent")], answer(200, { code: 0 })), "failure");
  });

  it("is unknown if the answer cannot be read", async () => {
    const unreadable = [
      answer(200, "{"),
      answer(200, "<p>", "text/html"),
      answer(200),
      { ...answer(200, {}), readBody: async () => undefined } as HeldResponse,
    ];
    for (const response of unreadable) assert.equal(await read([isCode([0])], response), "unknown");
  });

  it("by one of several rules is success, and unknown before failure", async () => {
    const other: Success = { ...in200, member: { pointer: "/status", values: ["done"] } };
    assert.equal(
      await read([isCode([0]), other], answer(200, { code: 1, status: "done" })),
      "success",
    );
    assert.equal(await read([isCode([0]), other], answer(200, { code: 1 })), "unknown");
    assert.equal(await read([isCode([0]), any2xx], answer(200, "{")), "success");
  });
});

describe("success of a GraphQL operation", () => {
  const rule: Success = {
    ...in200,
    member: undefined,
    graphql: { keys: ["logout"], unread: false },
  };

  it("is its member of data; null only without errors", async () => {
    for (const body of [
      { data: { logout: true } },
      { data: { logout: false } },
      { data: { logout: null } },
      { data: { logout: null }, errors: [] },
      [{ data: { me: 1 } }, { data: { logout: true } }],
    ])
      assert.equal(await read([rule], answer(200, body)), "success", JSON.stringify(body));
    for (const body of [
      { data: { logout: null }, errors: [{ message: "no" }] },
      { data: { me: 1 } },
      { data: null },
      [],
    ])
      assert.equal(await read([rule], answer(200, body)), "failure", JSON.stringify(body));
  });

  it("of which it is unknown what was asked is failure if the answer cannot be read", async () => {
    const unread: Success = { ...rule, graphql: { keys: ["logout"], unread: true } };
    assert.equal(await read([unread], answer(200, "{")), "failure");
    assert.equal(await read([rule], answer(200, "{")), "unknown");
    assert.equal(await read([rule, unread], answer(200, "{")), "unknown");
  });
});
