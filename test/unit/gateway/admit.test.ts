import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import type { Standing } from "../../../src/denylist/denylist.ts";
import { admit } from "../../../src/gateway/admit.ts";
import type { Admission, Checks } from "../../../src/gateway/checks.ts";
import type { RouteRule } from "../../../src/gateway/route.ts";
import { compileRoutes } from "../../../src/gateway/route-table.ts";
import type { Visit } from "../../../src/gateway/visit.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { createBoundedWait } from "../../../src/platform/bounded-wait.ts";
import { plainNames } from "../../../src/token/names.ts";
import { someToken } from "../../helpers/tokens.ts";

const token = someToken;

/** A store of which a test says what it knows, at any time. */
function storeOf(standing: Standing) {
  const store = {
    standing,
    asked: 0,
    answer: async (): Promise<"live" | "revoked"> => "live",
    lookUp: () => store.standing,
    ask() {
      store.asked += 1;
      return store.answer();
    },
  };
  return store;
}

function checksOf(
  denylist: Checks["denylist"],
  more: { readonly preflight?: Checks["cors"]["preflight"]; readonly rules?: RouteRule[] } = {},
): Checks {
  return {
    denylist,
    target: { allowEncodedSlash: false },
    routes: compileRoutes(more.rules ?? []),
    sources: [{ kind: "header", name: "token", scheme: undefined }],
    cors: {
      allowOrigins: ["https://a"],
      allowHeaders: [],
      allowCredentials: false,
      maxAgeSeconds: 5,
      preflight: more.preflight ?? "refuse",
    },
    waitForKeys: createBoundedWait(10),
    checkTurns: { charged: {}, wait: async () => false },
    bodyBytes: 1000,
    tokenBytes: 1000,
    clock: { nowSeconds: () => 0 },
    verifier: { verify: () => ({ kind: "valid", token }), names: plainNames },
    log: { tokenInvalid: () => {} },
  } as unknown as Checks;
}

function visitOf(lines: readonly string[], method = "GET"): Visit {
  const rawHeaders = ["Host", "a", ...lines];
  const request = { method, url: "/me", httpVersion: "1.1", rawHeaders } as IncomingMessage;
  const peer = { address: "10.0.0.1" };
  return { request, target: "/me", headers: new HeaderList(rawHeaders), peer } as unknown as Visit;
}

const withToken = () => visitOf(["token", "t"]);
const kindOf = (admission: Admission | Promise<Admission>) =>
  admission instanceof Promise
    ? "later"
    : admission.kind === "deny"
      ? admission.reason
      : admission.kind;

describe("admit", () => {
  it("says at once what memory knows", () => {
    assert.equal(kindOf(admit(checksOf(storeOf("live")), withToken())), "pass");
    assert.equal(kindOf(admit(checksOf(storeOf("revoked")), withToken())), "token_revoked");
    assert.equal(kindOf(admit(checksOf(storeOf("live")), visitOf([]))), "token_missing");
  });

  it("lets a handshake whose token may come in a message do without it, and nothing else there", () => {
    const rule: RouteRule = {
      ...{ path: "/me", methods: undefined, access: "protected", revoke: undefined },
      messageToken: {
        ...{ protocol: "json", pointer: "/token", scheme: undefined },
        ...{ types: [], isByMember: true },
        ...{ timeoutMs: 1000, maxMessageBytes: 1000 },
      },
    };
    const upgrade = ["Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "k"];
    const of = (isHandshake: boolean, lines: readonly string[], rules = [rule]) =>
      kindOf(admit(checksOf(storeOf("revoked"), { rules }), { ...visitOf(lines), isHandshake }));
    assert.equal(of(true, upgrade), "pass");
    assert.equal(of(true, [...upgrade, "token", "t"]), "token_revoked");
    assert.equal(of(false, upgrade), "token_missing");
    for (const lines of [upgrade.slice(2), upgrade.slice(0, 2), ["Sec-WebSocket-Version", "8"]])
      assert.equal(of(true, lines), "token_missing");
    assert.equal(of(true, upgrade, []), "token_missing");
  });

  it("needs no token on an optional route, and refuses two that differ there", () => {
    const rule: RouteRule = {
      ...{ path: "/me", methods: undefined, access: "optional", revoke: undefined },
    };
    const of = (...lines: string[]) =>
      kindOf(admit(checksOf(storeOf("live"), { rules: [rule] }), visitOf(lines)));
    assert.equal(of(), "pass");
    assert.equal(of("token", ""), "pass");
    assert.equal(of("token", "a", "token", "b"), "token_ambiguous");
  });

  it("notes whose refusal it is: a forged token by its whole text, others by what was signed", () => {
    const named = (kind: string) => {
      const verification = kind === "invalid" ? { kind } : { kind, token };
      const checks = {
        ...checksOf(storeOf("revoked")),
        verifier: { verify: () => verification, names: plainNames },
      } as unknown as Checks;
      const visit = visitOf(["token", "head.claims.signature"]);
      admit(checks, visit);
      return visit.refusedToken;
    };
    const nameOf = (text: string) => plainNames.token(text).value;
    assert.equal(named("invalid"), nameOf("head.claims.signature"));
    assert.equal(named("expired"), nameOf("head.claims"));
    assert.equal(named("valid"), nameOf("head.claims"));
  });

  it("refuses a request whose body broke off, by why it did", () => {
    for (const [brokenOff, reason] of [
      ["stalled", "request_timeout"],
      ["crowded_out", "checks_busy"],
    ] as const) {
      const body = { bytes: Buffer.alloc(0), fields: { kind: "unreadable" }, brokenOff } as const;
      assert.equal(kindOf(admit(checksOf(storeOf("live")), { ...withToken(), body })), reason);
    }
  });

  it("asks the store only if everything else is in order, and says later what it knows", async () => {
    const store = storeOf("ask");
    assert.equal(kindOf(admit(checksOf(store), visitOf([]))), "token_missing");
    assert.equal(store.asked, 0);
    const admission = admit(checksOf(store), withToken());
    assert.ok(admission instanceof Promise);
    assert.equal(kindOf(await admission), "pass");
    assert.equal(store.asked, 1);
    store.answer = async () => "revoked";
    assert.equal(kindOf(await admit(checksOf(store), withToken())), "token_revoked");
    store.answer = () => Promise.reject(new Error("away"));
    assert.equal(kindOf(await admit(checksOf(store), withToken())), "denylist_unavailable");
  });

  it("counts a revocation that came in while the store was asked", async () => {
    const store = storeOf("ask");
    store.answer = async () => {
      store.standing = "revoked";
      return "live";
    };
    assert.equal(kindOf(await admit(checksOf(store), withToken())), "token_revoked");
  });

  it("judges a request again when its key may be there, and refuses one that had to make room for others", async () => {
    const store = storeOf("live");
    let isThere = false;
    const verify = () =>
      isThere ? { kind: "valid", token } : { kind: "unknown_key", ready: Promise.resolve() };
    const checks = {
      ...checksOf(store),
      verifier: { verify, names: plainNames },
    } as unknown as Checks;
    const waiting = admit(checks, withToken());
    isThere = true;
    store.standing = "revoked";
    assert.equal(kindOf(await waiting), "token_revoked");

    isThere = false;
    const crowded = admit({ ...checks, waitForKeys: async () => false }, withToken());
    isThere = true;
    assert.equal(kindOf(await crowded), "keys_unavailable");
  });

  it("judges a request again when it is its turn to have its token checked, and refuses one that had to make room", async () => {
    const store = storeOf("live");
    const budgets: unknown[] = [];
    const verify = (_: string, { budget }: { budget?: unknown }) => {
      budgets.push(budget);
      return budget === turns.charged ? { kind: "valid", token } : { kind: "unchecked" };
    };
    const turns = { charged: {}, wait: async () => true };
    const checks = {
      ...checksOf(store),
      verifier: { verify, names: plainNames },
      checkTurns: turns,
    } as unknown as Checks;
    const waiting = admit(checks, withToken());
    store.standing = "revoked";
    assert.equal(kindOf(await waiting), "token_revoked");
    assert.deepEqual(budgets, [turns, turns.charged]);

    turns.wait = async () => false;
    assert.equal(kindOf(await admit(checks, withToken())), "checks_busy");
  });

  it("judges a request again by what is known by then", () => {
    const store = storeOf("live");
    const visit = withToken();
    assert.equal(kindOf(admit(checksOf(store), visit)), "pass");
    store.standing = "revoked";
    assert.equal(kindOf(admit(checksOf(store), visit)), "token_revoked");
  });
});

describe("a preflight", () => {
  const lines = ["Origin", "https://a", "Access-Control-Request-Method", "PUT"];
  const judge = (preflight: Checks["cors"]["preflight"], ...more: string[]) =>
    kindOf(
      admit(checksOf(storeOf("live"), { preflight }), visitOf([...lines, ...more], "OPTIONS")),
    );

  it("is refused, passed on or answered, as configured", () => {
    assert.equal(judge("refuse"), "token_missing");
    assert.equal(judge("forward"), "pass");
    assert.equal(judge("answer"), "answer");
  });

  it("goes through the checks before it like any other request", () => {
    for (const preflight of ["forward", "answer"] as const) {
      assert.equal(judge(preflight, "Host", "b"), "request_ambiguous");
      assert.equal(judge(preflight, "Content-Length", "1"), "token_missing");
      assert.equal(judge(preflight, "X-HTTP-Method-Override", "DELETE"), "token_missing");
      const many = Array.from({ length: 300 }, (_, i) => [`X-${i}`, ""]).flat();
      assert.equal(judge(preflight, ...many), "request_too_large");
    }
  });

  it("may have the request's token in its query if revgate answers it, and is judged by it otherwise", () => {
    const of = (preflight: Checks["cors"]["preflight"], ...more: string[]) => {
      const checks: Checks = {
        ...checksOf(storeOf("revoked"), { preflight }),
        sources: [
          { kind: "header", name: "token", scheme: undefined },
          { kind: "query", name: "t" },
        ],
      };
      const visit = visitOf([...lines, ...more], "OPTIONS");
      return kindOf(admit(checks, { ...visit, target: "/me?t=x" }));
    };
    assert.equal(of("answer"), "answer");
    assert.equal(of("answer", "token", "x"), "token_revoked");
    assert.equal(of("forward"), "token_revoked");
  });

  it("is none if it carries a token", () => {
    const store = storeOf("revoked");
    const visit = visitOf([...lines, "token", "t"], "OPTIONS");
    assert.equal(kindOf(admit(checksOf(store, { preflight: "forward" }), visit)), "token_revoked");
  });
});
