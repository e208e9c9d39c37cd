import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyMethod, methodInBody } from "../../../src/gateway/method.ts";
import type { RouteRule } from "../../../src/gateway/route.ts";
import { compileRoutes } from "../../../src/gateway/route-table.ts";
import { readTarget } from "../../../src/gateway/target.ts";
import type { BodyFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

function table(...rules: (Partial<RouteRule> & { path: string })[]) {
  const routes = compileRoutes(
    rules.map((rule) => ({ methods: undefined, access: "protected", revoke: undefined, ...rule })),
  );
  return (path: string, ...methods: string[]) => {
    const target = readTarget(path, {
      allowEncodedSlash: rules.some((rule) => rule.allowsEncodedSlash) && "by_rule",
    });
    assert.ok(target, path);
    return routes.find(methods.length === 0 ? ["GET"] : methods, target);
  };
}

const open = { access: "public", revoke: undefined };
const closed = { access: "protected", revoke: undefined };
const revokes = { access: "protected", revoke: "token" };

describe("routes", () => {
  it("protect what no rule matches", () => {
    assert.deepEqual(table()("/anything"), closed);
  });

  it("exempt a path only as it is written in the rule", () => {
    const find = table({ path: "/login", access: "public" });
    assert.deepEqual(find("/login"), open);
    assert.deepEqual(find("/login?next=/admin"), open);
    for (const path of ["/Login", "/login/", "/%6cogin", "/login/x", "/loginx", "/x/login"]) {
      assert.deepEqual(find(path), closed, path);
    }
  });

  it("exempt everything below a trailing asterisk, and one segment for one in the middle", () => {
    const find = table(
      { path: "/static/*", access: "public" },
      { path: "/users/*/avatar", access: "public" },
    );
    assert.deepEqual(find("/static/css/a.css"), open);
    // Where trailing slashes are ignored this is "/static", of which the rule says nothing.
    assert.deepEqual(find("/static/"), closed);
    assert.deepEqual(find("/static/caf%c3%a9.png"), open);
    assert.deepEqual(find("/static"), closed);
    assert.deepEqual(find("/Static/a"), closed);
    assert.deepEqual(find("/users/7/avatar"), open);
    assert.deepEqual(find("/users/7/8/avatar"), closed);
    assert.deepEqual(find("/users//avatar".replace("//", "/")), closed);
  });

  it("ask for the body of a POST where it may name the method of a rule that revokes or protects", () => {
    const find = table(
      { path: "/session", methods: ["POST"], access: "public" },
      { path: "/session", methods: ["DELETE"], revoke: "token" },
      { path: "/articles", methods: ["POST"], access: "public" },
      { path: "/articles", methods: ["PUT", "DELETE"] },
      { path: "/notes", methods: ["PUT"] },
      { path: "/news", methods: ["POST"], access: "public" },
      { path: "/news", methods: ["GET"], access: "public" },
    );
    assert.deepEqual(find("/session", "POST"), open);
    // Nothing is protected or revoked there, whatever the method is.
    assert.deepEqual(find("/news", "POST", methodInBody), open);
    for (const path of ["/session", "/articles"]) {
      assert.deepEqual(find(path, "POST", methodInBody), { ...open, needsBody: true }, path);
    }
    assert.deepEqual(find("/session", "POST", "DELETE"), revokes);
    assert.deepEqual(find("/session", "POST", anyMethod), revokes);
    assert.deepEqual(find("/articles", "POST", anyMethod), closed);
    assert.deepEqual(find("/Session/", "POST", methodInBody), { ...closed, needsBody: true });
    // It was read, and has no reading.
    const sent = {
      headers: new HeaderList([]),
      target: "",
      body: { fields: { kind: "unreadable" } },
    } as const;
    const rules = [
      { path: "/a", methods: ["POST"], access: "public" },
      { path: "/a", methods: ["DELETE"], access: "protected" },
      { path: "/b", methods: ["POST"], access: "public" },
    ] as const;
    const routes = compileRoutes(rules.map((rule) => ({ ...rule, revoke: undefined })));
    const access = (path: string) => {
      const target = readTarget(path, { allowEncodedSlash: false }) ?? assert.fail();
      return routes.find(["POST", methodInBody], target, sent)?.access;
    };
    assert.deepEqual([access("/a"), access("/b")], ["protected", "public"]);
    // A token is needed in any case.
    assert.deepEqual(find("/notes", "POST", methodInBody), closed);
  });

  it("exempt everything where the rule says so", () => {
    const find = table({ path: "/*", access: "public" });
    assert.deepEqual(find("/"), open);
    assert.deepEqual(find("/a/b"), open);
  });

  it("take the characters of a rule literally", () => {
    const find = table({ path: "/a.b/*", access: "public" });
    assert.deepEqual(find("/a.b/c"), open);
    assert.deepEqual(find("/axb/c"), closed);
  });

  it("exempt a method only in all its readings", () => {
    const find = table({ path: "/login", methods: ["POST"], access: "public" });
    assert.deepEqual(find("/login", "POST"), open);
    assert.deepEqual(find("/login", "GET"), closed);
    assert.deepEqual(find("/login", "POST", "DELETE"), closed);
  });

  it("let an earlier protected rule stand in the way of a public one, in any spelling", () => {
    const find = table({ path: "/static/private/*" }, { path: "/static/*", access: "public" });
    assert.deepEqual(find("/static/a"), open);
    for (const path of ["/static/private/a", "/static/Private/a", "/static/private"]) {
      assert.deepEqual(find(path), closed, path);
    }
  });

  it("find a revoking rule in any letter case, with or without a trailing slash", () => {
    const find = table({ path: "/logout", methods: ["POST"], revoke: "token" });
    for (const path of ["/logout", "/LOGOUT", "/Logout/", "/l%6Fgout", "/logout?a"]) {
      assert.deepEqual(find(path, "POST"), revokes, path);
    }
    assert.deepEqual(find("/logout", "GET"), closed);
    assert.deepEqual(find("/logout/now", "POST"), closed);
  });

  it("find a revoking rule in any reading of the method, and HEAD where GET revokes", () => {
    const find = table({ path: "/logout", methods: ["GET"], revoke: "token" });
    assert.deepEqual(find("/logout", "POST", "GET"), revokes);
    assert.deepEqual(find("/logout", "HEAD"), revokes);
  });

  it("let a response pause exactly where a rule says so, whoever may reach it", () => {
    const find = table(
      { path: "/events", streams: true },
      { path: "/news/*", methods: ["GET"], access: "public", streams: true },
      { path: "/bye", revoke: "token", streams: true },
    );
    assert.deepEqual(find("/events"), { ...closed, streams: true });
    assert.deepEqual(find("/Events"), closed);
    assert.deepEqual(find("/news/today"), { ...open, streams: true });
    assert.deepEqual(find("/news/today", "POST"), closed);
    assert.deepEqual(find("/bye"), { ...revokes, streams: true });
  });

  it("can both exempt and revoke", () => {
    const find = table({ path: "/reset", access: "public", revoke: "token" });
    assert.deepEqual(find("/reset"), { access: "public", revoke: "token" });
    assert.deepEqual(find("/Reset"), revokes);
  });

  it("revoke wherever a public rule lies over a revoking one", () => {
    const find = table(
      { path: "/auth/*", access: "public" },
      { path: "/auth/logout", revoke: "token" },
    );
    assert.deepEqual(find("/auth/logout"), { access: "public", revoke: "token" });
  });

  it("are undecided about contested paths that may mean a public or a revoking rule", () => {
    const find = table(
      { path: "/login", access: "public" },
      { path: "/static/*", access: "public" },
      { path: "/logout", revoke: "token" },
    );
    for (const path of ["/login;x", "/static/a;b", "/static;x", "/LOGOUT;x", "/logout%3Fx"]) {
      assert.equal(find(path), undefined, path);
    }
    assert.deepEqual(find("/orders;page=2"), closed);
  });

  it("exempt a path with encoded slashes if they do by both of their readings, and allow it", () => {
    const find = table(
      { path: "/admin/*" },
      { path: "/tokens/*/end", revoke: "token" },
      { path: "/me/*", from: [{ kind: "cookie", name: "a" }] },
      { path: "/shop/*", access: "public", allowsEncodedSlash: true },
      { path: "/pack/*", methods: ["GET"], access: "optional", allowsEncodedSlash: true },
      { path: "/pack/*/raw", access: "public" },
      { path: "/files/*", allowsEncodedSlash: true },
      { path: "/static/*", access: "public" },
    );
    assert.deepEqual(find("/shop/a%2fb%2Fc"), open);
    assert.deepEqual(find("/pack/@scope%2fname"), { access: "optional", revoke: undefined });
    assert.deepEqual(find("/files/a%2Fb"), closed);
    // By one reading only, by none, by one that does not allow it, or for a method that is not named.
    for (const path of ["/shop%2Fa", "/static/a%2Fb", "/elsewhere/a%2Fb", "/shop/%2Fa"]) {
      assert.equal(find(path), undefined, path);
    }
    assert.equal(find("/pack/a%2Fb", "POST"), undefined);
    assert.equal(find("/pack/a%2Fb", "GET", "DELETE"), undefined);
    // What may be another rule's path, by either reading.
    for (const path of ["/admin%2Fa", "/ADMIN%2fa", "/tokens/a%2Fb/end", "/me%2Fa"]) {
      assert.equal(find(path), undefined, path);
    }
    // Whatever else servers disagree on.
    for (const path of ["/shop/a%2Fb;c", "/shop/a%2Fb.", "/shop/a%2F%EF%BC%8Fb"]) {
      assert.equal(find(path), undefined, path);
    }
  });

  it("revoke by either reading of an encoded slash, also if all protected routes allow it", () => {
    const rule: RouteRule = {
      ...{ path: "/users/*/logout", methods: undefined },
      ...{ access: "protected", revoke: "token" },
    };
    const find = (path: string) => {
      const target = readTarget(path, { allowEncodedSlash: true });
      return target && compileRoutes([rule]).find(["POST"], target);
    };
    for (const path of ["/users/a%2Fb/logout", "/users/a%2flogout", "/Users%2Fa/logout"]) {
      assert.equal(find(path), undefined, path);
    }
    assert.deepEqual(find("/files/a%2Fb"), closed);
  });

  it("exempt no path that compatible characters turn into another; those that revoke match under it", () => {
    const find = table(
      { path: "/admin/*" },
      { path: "/articles/*", access: "optional" },
      { path: "/logout", revoke: "token" },
      { path: "/pub/*", access: "public" },
      { path: "/pub/logout", methods: ["POST"], revoke: "token" },
      { path: "/*", access: "public" },
    );
    const at = (path: string, ...methods: string[]) => find(encodeURI(path), ...methods);
    for (const path of [
      "/pub/报告（终稿）.pdf",
      "/pub/café",
      "/pub/ﬁle",
      "/pub/①",
      "/pub/中文：名，“字”",
    ]) {
      assert.deepEqual(at(path), open, path);
    }
    for (const path of [
      ...["/pub／x", "/pub/．．/admin/x", "/pub/a；b", "/pub/a％2Fb", "/pub/a？b", "/pub/a＃b"],
      ...["/pub/a＼b", "/pub/a∕b", "/pub/a⁄b", "/pub/a∖b", "/ａrticles/x"],
    ]) {
      assert.equal(at(path), undefined, path);
    }
    // One that is protected stays so, and a logout is one.
    assert.deepEqual(at("/ａdmin/x"), closed);
    assert.deepEqual(at("/ｌｏｇｏｕｔ"), revokes);
    assert.equal(at("/pub/Ｌｏｇｏｕｔ", "POST"), undefined);
    assert.deepEqual(at("/pub/Ｌｏｇｏｕｔ", "GET"), open);

    const closedFind = table({ path: "/logout", revoke: "token" }, { path: "/x/*" });
    const closedAt = (path: string) => closedFind(encodeURI(path));
    assert.deepEqual(closedAt("/ＬＯＧＯＵＴ"), revokes);
    assert.deepEqual(closedAt("/ｘ/a"), closed);
    assert.deepEqual(closedAt("/报告；终稿"), closed);
    for (const path of ["/x/．．/logout", "／logout", "/x／．．／logout"]) {
      assert.equal(closedAt(path.replace(/^／/, "/／")), undefined, path);
    }
  });

  it("end together whatever one of them ends, and spare what all of them spare", () => {
    const refresh = { kind: "cookie", name: "refresh" } as const;
    const token = { kind: "responseJson", pointer: "/token" } as const;
    const find = table(
      { path: "/password", revoke: "others", sparing: { sent: [refresh], handedOut: [token] } },
      { path: "/PASSWORD", revoke: "others", sparing: { sent: [refresh], handedOut: [] } },
      { path: "/email", revoke: "others", sparing: { sent: [refresh], handedOut: [token] } },
      { path: "/Email", revoke: "others", sparing: { sent: [], handedOut: [token] } },
      { path: "/logout", revoke: "token" },
      { path: "/Logout", revoke: "others", sparing: { sent: [refresh], handedOut: [] } },
      { path: "/login", access: "public", handsOut: [token], only: "latest" },
      { path: "/sessions", handsOut: [token], session: "begins", maxSessions: 5 },
      { path: "/Sessions", handsOut: [token], session: "begins", maxSessions: 3 },
    );
    assert.deepEqual(find("/password"), {
      ...closed,
      ...{ revoke: "others", sparing: { sent: [refresh], handedOut: [] } },
    });
    assert.deepEqual(find("/email")?.sparing, { sent: [], handedOut: [token] });
    assert.deepEqual(find("/logout"), { ...closed, revoke: "subject" });
    assert.deepEqual(find("/LOGIN"), { ...closed, handsOut: [token], only: "latest" });
    assert.equal(find("/sessions")?.maxSessions, 3);
  });

  it("need the body if any of their tokens, subjects or conditions is in it, and only then", () => {
    const json = { kind: "json", pointer: "/x", scheme: undefined } as const;
    const cookie = { kind: "cookie", name: "x", scheme: undefined } as const;
    const needing: Partial<RouteRule>[] = [
      { from: [json] },
      { revoke: "token", alsoRevoke: [{ source: json, lifetimeSeconds: 1 }] },
      { revoke: "others", sparing: { sent: [json], handedOut: [] } },
      {
        ...{ access: "public", revoke: "subject" },
        subjectsFrom: [{ source: json, namespace: undefined, ifUnknown: "keep" }],
      },
    ];
    for (const rule of needing)
      assert.equal(table({ path: "/a", ...rule })("/a")?.needsBody, true, JSON.stringify(rule));
    const others: Partial<RouteRule>[] = [
      { from: [cookie] },
      { revoke: "token", alsoRevoke: [{ source: cookie, lifetimeSeconds: 1 }] },
      { revoke: "others", sparing: { sent: [cookie], handedOut: [] } },
    ];
    for (const rule of others) {
      const route = table({ path: "/a", ...rule })("/a");
      assert.equal(route?.needsBody, undefined);
      assert.deepEqual(route?.alsoRevoke, rule.alsoRevoke);
    }
  });

  it("go by the answer's data where a mutation revokes, under the keys that the request gives it", () => {
    const rule = { path: "/graphql", methods: undefined, access: "protected" } as const;
    const routes = compileRoutes([{ ...rule, revoke: "token", when: { mutations: ["logout"] } }]);
    const target = readTarget("/graphql", { allowEncodedSlash: false }) ?? assert.fail();
    const graphql = (fields: BodyFields) =>
      routes.find(["POST"], target, { headers: new HeaderList([]), target: "", body: { fields } });
    const keysIn = (query: string) =>
      graphql({ kind: "json", value: { query } })?.success?.map((each) => each.graphql);
    assert.deepEqual(keysIn("mutation { bye: logout }"), [{ keys: ["bye"], unread: false }]);
    assert.equal(keysIn("{ me }"), undefined);
    // What can't be read is held, and looked for under its own name.
    const unread = graphql({ kind: "unreadable" })?.success?.map((each) => each.graphql);
    assert.deepEqual(unread, [{ keys: ["logout"], unread: true }]);
  });

  it("let tokens be opaque only by the rule that decides about access, and as it is written", () => {
    const find = table(
      { path: "/api/admin/*" },
      { path: "/api/logout", revoke: "token" },
      { path: "/api/*", opaqueLifetimeSeconds: 60 },
      { path: "/refresh", from: [{ kind: "cookie", name: "a" }] },
      { path: "/*", opaqueLifetimeSeconds: 30 },
    );
    const lifetimeAt = (path: string) => find(path)?.opaqueLifetimeSeconds;
    assert.deepEqual(
      ["/api/keys", "/x", "/api/admin/x", "/api/logout", "/API/keys", "/refresh"].map(lifetimeAt),
      [60, 30, undefined, undefined, undefined, undefined],
    );
  });
});
