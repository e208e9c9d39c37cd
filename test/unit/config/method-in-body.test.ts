import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configSchema } from "../../../src/config/schema.ts";

/** Which settings are refused beside decisions, and why. */
function problemsOf(routes: readonly object[], decisions: object = {}): string[] {
  const tokens = { keys: [{ publicKeyFile: "a.pem" }] };
  assert.equal(configSchema.safeParse({ tokens, routes }).error, undefined);
  const { error } = configSchema.safeParse({ tokens, routes, decisions });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const open = { path: "/items/*", methods: ["GET", "POST"], access: "public" };
const guarded = { path: "/items/*", methods: ["DELETE"], access: "protected" };

describe("beside decisions, for a method that a body names", () => {
  it("no rule without POST needs a token where a POST needs none", () => {
    const [problem = "", ...more] = problemsOf([guarded, open]);
    assert.match(
      problem,
      /^routes\.0\.methods: expected POST among them, or .*methodInBody: never/,
    );
    assert.match(problem, /routes\[1\] lets it pass without a token/);
    assert.deepEqual(more, []);
    for (const routes of [
      [open, guarded],
      [guarded, { ...open, access: "optional" }],
      [guarded, { ...open, methods: undefined }],
      [guarded, { ...open, path: "/*" }],
      [guarded, { ...open, path: "/items/{id}/likes" }],
      [guarded, { ...open, path: "/Items" }],
      [
        { ...guarded, methods: ["GET"] },
        { path: "/{kind}/new", access: "public" },
      ],
    ]) {
      assert.equal(problemsOf(routes).length, 1, JSON.stringify(routes));
    }
  });

  it("no rule without POST revokes", () => {
    const logout = { path: "/session", methods: ["DELETE"], revoke: "token" };
    for (const question of ["forwarded", "ext_authz", "ext_proc"]) {
      assert.match(
        problemsOf([logout], { question })[0] ?? "",
        /^routes\.0\.methods: .* a logout may not be seen/,
      );
    }
    assert.deepEqual(problemsOf([{ ...logout, methods: ["DELETE", "POST"] }]), []);
    assert.deepEqual(problemsOf([{ ...logout, methods: undefined }]), []);
  });

  it("all else may stand", () => {
    for (const routes of [
      [guarded],
      [{ ...guarded, methods: ["DELETE", "POST"] }, open],
      [guarded, { ...open, methods: ["GET"] }],
      [guarded, { ...open, path: "/other/*" }],
      [guarded, { ...open, path: "/items2" }],
      [
        { ...guarded, path: "/items/{id}" },
        { ...open, path: "/items/{id}/likes" },
      ],
      // Whatever the method is, no token is needed.
      [{ ...open, methods: undefined }, guarded],
      // The POST needs one.
      [guarded, { ...guarded, methods: ["POST"] }, { ...open, methods: undefined }],
    ]) {
      assert.deepEqual(problemsOf(routes), [], JSON.stringify(routes));
    }
  });

  it("an operator can say that the application has no such thing", () => {
    const logout = { path: "/session", methods: ["DELETE"], revoke: "token" };
    assert.deepEqual(problemsOf([guarded, open, logout], { methodInBody: "never" }), []);
  });
});
