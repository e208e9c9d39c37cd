import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rulesFrom } from "../../../../src/commands/init/observed-rules.ts";
import type { ObservedRoute } from "../../../../src/gateway/observer.ts";

type Answers = Partial<ObservedRoute["answers"]["valid"]>;

function route(
  name: string,
  answers: { readonly nothing?: Answers; readonly valid?: Answers; readonly other?: Answers },
): ObservedRoute {
  const [method = "", path = ""] = name.split(" ");
  const none = { ok: 0, redirected: 0, denied: 0, other: 0 };
  const filled = {
    nothing: { ...none, ...answers.nothing },
    valid: { ...none, ...answers.valid },
    other: { ...none, ...answers.other },
  };
  return { method, path, answers: filled, wouldRefuse: {} };
}

const rulesOf = (...routes: ObservedRoute[]) => rulesFrom(routes).map(({ rule }) => rule);
const ok = { ok: 3 };

describe("rules made of what was seen", () => {
  it("need a token if nobody was let in without one", () => {
    const seen = [
      route("GET /me", { valid: ok, nothing: { denied: 5 } }),
      route("GET /dashboard", { valid: ok, nothing: { redirected: 5 } }),
      route("GET /wp-login.php", { nothing: { other: 9 } }),
      route("OPTIONS /me", { nothing: ok }),
      route("GET /export", { other: ok }),
    ];
    assert.deepEqual(rulesOf(...seen), []);
  });

  it("are open as far as visitors were let in", () => {
    const seen = [
      route("GET /news", { nothing: ok }),
      route("GET /", { nothing: ok, valid: ok }),
      route("GET /callback", { nothing: { redirected: 2 } }),
      route("POST /login", { nothing: ok, other: ok }),
    ];
    assert.deepEqual(
      rulesOf(...seen).map(({ path, access }) => [path, access]),
      [
        ["/news", "public"],
        ["/", "optional"],
        ["/callback", "public"],
        // With a token of yesterday it must work, too.
        ["/login", "public"],
      ],
    );
  });

  it("open no other path with those of one route, and none at the root by what looks like an id", () => {
    const seen = [
      route("GET /users/{id}", { nothing: ok }),
      route("GET /users/me", { valid: ok, nothing: { denied: 1 } }),
      route("PUT /users/me", { valid: ok }),
      route("GET /users/{id}/{id2}", { nothing: ok }),
      route("GET /users/{id}/orders", { valid: ok }),
      route("POST /tenants/{id}/login", { nothing: ok }),
      route("GET /{id}", { nothing: ok }),
      route("GET /account", { valid: ok }),
    ];
    assert.deepEqual(rulesOf(...seen), [
      { path: "/users/me", methods: ["GET"], access: "protected" },
      { path: "/users/{id}/orders", methods: ["GET"], access: "protected" },
      { path: "/users/{id}", methods: ["GET"], access: "optional" },
      { path: "/users/{id}/{id2}", methods: ["GET"], access: "optional" },
      { path: "/tenants/{id}/login", methods: ["POST"], access: "public" },
    ]);
  });

  it("revoke by the names that logouts and changes of passwords have, if they succeeded", () => {
    const done = { valid: ok };
    const revoking = (path: string, answers: Parameters<typeof route>[1]) =>
      rulesOf(route(`POST ${path}`, answers)).map(({ revoke, access, success }) => ({
        ...(revoke !== undefined && { revoke }),
        ...(access !== undefined && { access }),
        ...(success !== undefined && { success }),
      }));
    for (const path of [
      "/logout",
      "/users/sign_out",
      "/api/v1/logOff",
      "/logoutAll",
      "/auth/log-out/",
    ]) {
      assert.deepEqual(revoking(path, done), [{ revoke: "token" }], path);
    }
    assert.deepEqual(revoking("/logout", { valid: { redirected: 1 } }), [
      { revoke: "token", success: { status: ["2xx", 302, 303] } },
    ]);
    assert.deepEqual(revoking("/logout", { nothing: ok }), [{ access: "public", revoke: "token" }]);
    assert.deepEqual(revoking("/me/change-password", done), [{ revoke: "subject" }]);
    assert.deepEqual(revoking("/password/reset", { nothing: ok }), [
      { access: "public", revoke: "token" },
    ]);
    for (const path of ["/blog/outlook", "/logoutput", "/me"]) {
      assert.equal(
        revoking(path, done).some(({ revoke }) => revoke !== undefined),
        path === "/logoutput",
        path,
      );
    }
    assert.deepEqual(revoking("/logout", { valid: { denied: 3 } }), []);
  });

  it("are one for the files of a folder, unless something else is in it", () => {
    const files = ["a.js", "b.css", "c.png"].map((name) =>
      route(`GET /assets/${name}`, { nothing: ok }),
    );
    assert.deepEqual(rulesOf(...files), [
      { path: "/assets/*", methods: ["GET"], access: "public" },
    ]);
    const secret = route("GET /assets/secret", { valid: ok, nothing: { denied: 1 } });
    assert.equal(rulesOf(...files, secret).length, 3);
  });

  it("are one for the methods that are treated alike", () => {
    const seen = [route("GET /cart", { nothing: ok }), route("PUT /cart", { nothing: ok })];
    assert.deepEqual(rulesOf(...seen), [
      { path: "/cart", methods: ["GET", "PUT"], access: "public" },
    ]);
  });
});
