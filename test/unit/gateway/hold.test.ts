import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../src/denylist/denylist.ts";
import { holdFor } from "../../../src/gateway/hold.ts";
import type { Carried, HoldOptions } from "../../../src/gateway/hold-options.ts";
import { createUnprovenBudget } from "../../../src/gateway/unproven.ts";
import { plainNames } from "../../../src/token/names.ts";
import type { Verifier } from "../../../src/token/verifier.ts";
import { someToken } from "../../helpers/tokens.ts";

const token = { ...someToken, expiresAt: 1000 };
const verifier: Verifier = {
  verify: () => ({ kind: "invalid" }),
  seen: { tokens: 0, subject: 0, sid: 0, jti: 0 },
  names: plainNames,
  remembered: () => [],
  forget: () => {},
};
const revoking = { access: "protected", revoke: "token" } as const;

const answer = (status: number) => ({
  status,
  headers: [],
  readBody: () => assert.fail("nothing is asked of the body"),
  trailers: () => [],
});

function optionsWith(changes: Partial<HoldOptions> = {}, revoke = async () => {}) {
  const said: string[] = [];
  const options: HoldOptions = {
    denylist: {
      knownBeginning: () => undefined,
      async intend(entries: readonly Entry[]) {
        said.push(
          `intend ${entries.map(({ kind, value, expiresAt }) => `${kind}:${value.slice(0, 3)} ${expiresAt}`)}`,
        );
        return {
          revoke() {
            said.push("revoke");
            return revoke();
          },
          drop: () => void said.push("drop"),
        };
      },
    },
    clock: { nowSeconds: () => 100 },
    lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 500 },
    onUnknownOutcome: "revoke",
    holdTimeoutMs: 60_000,
    onHold: () => (released) => void said.push(released ? "released" : "withheld"),
    onLost: () => void said.push("lost"),
    onHandedOut: () => {},
    onNothingHandedOut: () => void said.push("nothing handed out"),
    onSessionUnknown: () => void said.push("no session"),
    onSubjectUnknown: () => void said.push("nobody"),
    onSubjectKept: () => void said.push("kept"),
    onUnreadable: () => void said.push("unread"),
    onRedirection: (status) => void said.push(`redirected ${status}`),
    unproven: createUnprovenBudget(100)("192.0.2.1"),
    bodyBytes: 1000,
    verifier,
    ...changes,
  };
  return { options, said };
}

function setUp(changes: Partial<HoldOptions> = {}, revoke = async () => {}) {
  const { options, said } = optionsWith(changes, revoke);
  return { said, hold: holdFor(revoking, { tokens: [token], subjects: [], unproven: 0 }, options) };
}

describe("a hold on a route whose request alone names the subject", () => {
  const name = { value: "s".repeat(43), former: [] };
  const source = { kind: "json", pointer: "/user" } as const;
  const holdOn = (ifUnknown: "revoke" | "keep", carried: Partial<Carried> = {}) => {
    // Past the second in which the revocation is made, from the second look on.
    const times = [100, 100];
    const { options, said } = optionsWith({ clock: { nowSeconds: () => times.shift() ?? 102 } });
    const subjects = [{ name, ifUnknown }];
    const subjectsFrom = [{ source, namespace: undefined, ifUnknown }];
    const route = { access: "public", revoke: "subject", subjectsFrom } as const;
    return {
      said,
      hold: holdFor(route, { tokens: [], subjects, unproven: 0, ...carried }, options),
    };
  };

  it("notes no intent for it, and keeps its tokens if the answer is lost", async () => {
    const { said, hold } = holdOn("keep");
    await (await hold)?.onLost(true);
    assert.deepEqual(said, ["intend ", "kept", "drop"]);
  });

  it("revokes on 2xx all the same", async () => {
    const { said, hold } = holdOn("keep");
    await (await hold)?.onResponse(answer(200));
    assert.deepEqual(said, ["intend ", "revoke", "released"]);
  });

  it("revokes what the request carried, if the answer is lost", async () => {
    const { said, hold } = holdOn("keep", { tokens: [token] });
    await (await hold)?.onLost(true);
    assert.deepEqual(said, ["intend tok:xxx 1900", "kept", "lost", "revoke"]);
  });

  it("notes and revokes it where that is configured", async () => {
    const { said, hold } = holdOn("revoke");
    await (await hold)?.onLost(true);
    assert.deepEqual(said, ["intend sub:sss 2100", "lost", "revoke"]);
  });
});

describe("a hold on a route whose answer names the subject", () => {
  it("asks for no token in it", async () => {
    const times = [100, 100];
    const { options, said } = optionsWith({ clock: { nowSeconds: () => times.shift() ?? 102 } });
    const source = { kind: "responseJson", pointer: "/id" } as const;
    const subjectsFrom = [{ source, namespace: undefined, ifUnknown: "keep" }] as const;
    const route = { access: "public", revoke: "subject", subjectsFrom } as const;
    const hold = await holdFor(route, { tokens: [], subjects: [], unproven: 0 }, options);
    await hold?.onResponse({
      ...{ status: 200, headers: ["content-type", "application/json"], trailers: () => [] },
      readBody: async () => Buffer.from('{"id":7}'),
    });
    assert.deepEqual(said.slice(1), ["revoke", "released"]);
  });
});

describe("a hold on a route whose answer hands out what stays", () => {
  it("reads it, and revokes before the answer goes", async () => {
    const times = [100, 100];
    const { options, said } = optionsWith({ clock: { nowSeconds: () => times.shift() ?? 102 } });
    const sparing = { sent: [], handedOut: [{ kind: "responseJson", pointer: "/token" }] } as const;
    const route = { access: "protected", revoke: "others", sparing } as const;
    const carried = { tokens: [], subjects: [], kept: [token], unproven: 0 };
    const subjects = [
      { name: { value: "s".repeat(43), former: [] }, ifUnknown: "revoke" },
    ] as const;
    const hold = await holdFor(route, { ...carried, subjects }, options);
    const body = Buffer.from('{"token":"of nobody"}');
    await hold?.onResponse({
      ...{ status: 200, headers: ["content-type", "application/json"], trailers: () => [] },
      readBody: async () => body,
    });
    assert.deepEqual(said.slice(1), ["nothing handed out", "revoke", "released"]);
  });
});

describe("a hold on a route that ends a subject's sessions", () => {
  /** A hold whose clock a test sets ahead, and the cut-offs that are made. */
  async function setOut() {
    const startedMs = performance.now();
    const state: { ahead: number; doubt?: string | undefined } = { ahead: 0 };
    const cutoffs: (number | undefined)[] = [];
    const clock = {
      nowSeconds: () => 100.5 + state.ahead + (performance.now() - startedMs) / 1000,
      get doubt() {
        return state.doubt;
      },
    };
    const { options } = optionsWith({ clock, holdTimeoutMs: 20_000 });
    const denylist = {
      knownBeginning: () => undefined,
      intend: async () => ({
        async revoke(entries: readonly Entry[] = []) {
          cutoffs.push(...entries.flatMap(({ kind, cutoff }) => (kind === "sub" ? [cutoff] : [])));
        },
        drop: () => {},
      }),
    };
    const route = { access: "protected", revoke: "subject" } as const;
    const carried = { tokens: [{ ...token, subject: "s" }], subjects: [], unproven: 0 };
    const hold = await holdFor(route, carried, { ...options, denylist });
    assert.ok(hold);
    const jump = (doubt: string | undefined, ahead: number) =>
      Object.assign(state, { doubt, ahead });
    return { jump, clock, cutoffs, hold };
  }

  it("locks nobody out by a clock that jumps ahead meanwhile, and is released when its second is over", async () => {
    const { jump, clock, cutoffs, hold } = await setOut();
    jump("ahead of its monotonic clock", 14_400);
    const released = hold.onResponse(answer(200));
    const [cutoff = Number.NaN] = cutoffs;
    assert.ok(cutoff >= 100 && cutoff <= clock.nowSeconds() - 14_400);
    jump(undefined, 0);
    await released;
    assert.deepEqual(cutoffs, [cutoff]);
    assert.ok(clock.nowSeconds() >= cutoff + 1);
  });

  it("ends what was issued while the machine was suspended, once it is certain that it was", async () => {
    const { jump, clock, cutoffs, hold } = await setOut();
    jump("ahead of its monotonic clock, or the machine was suspended", 14_400);
    const released = hold.onResponse(answer(200));
    assert.ok((cutoffs[0] ?? Number.NaN) < 14_400);
    jump(undefined, 14_400);
    await released;
    const [, cutoff = Number.NaN, ...more] = cutoffs;
    assert.ok(cutoff >= 14_500 && cutoff + 1 <= clock.nowSeconds());
    assert.deepEqual(more, []);
  });
});

describe("a hold for revocations that rest on the request alone", () => {
  it("is refused before anything is noted, if there are too many", async () => {
    const { options, said } = optionsWith({
      unproven: createUnprovenBudget(4, () => 0)("192.0.2.1"),
    });
    const carried = { tokens: [token], subjects: [], unproven: 1 };
    const first = await holdFor(revoking, carried, options);
    await holdFor(revoking, carried, options);
    const noted = [...said];
    await assert.rejects(holdFor(revoking, carried, options) ?? Promise.resolve(), /too many/);
    assert.deepEqual(said, noted);
    // One that came to nothing makes room.
    first?.onResponse(answer(400));
    await holdFor(revoking, carried, options);
    // A live token needs none.
    await holdFor(revoking, { ...carried, unproven: 0 }, options);
  });
});

describe("holdFor", () => {
  it("notes the intent before anything, for as long as anybody might accept the token", async () => {
    const { hold, said } = setUp();
    await hold;
    assert.deepEqual(said, ["intend tok:xxx 1900"]);
  });

  for (const status of [200, 202, 204, 299]) {
    it(`revokes on ${status}, and releases when that holds`, async () => {
      const { hold, said } = setUp();
      await (await hold)?.onResponse(answer(status));
      assert.deepEqual(said.slice(1), ["revoke", "released"]);
    });
  }

  for (const status of [300, 302, 399, 304, 400, 401, 403, 404, 500, 503]) {
    it(`releases ${status} at once, and revokes nothing`, async () => {
      const { hold, said } = setUp();
      assert.equal((await hold)?.onResponse(answer(status)), undefined);
      const told = [300, 302, 399].includes(status) ? [`redirected ${status}`] : [];
      assert.deepEqual(said.slice(1), [...told, "drop"]);
    });
  }

  it("rejects when the revocation does not hold", async () => {
    const { hold, said } = setUp({}, () => Promise.reject(new Error("no disk")));
    await assert.rejects(async () => (await hold)?.onResponse(answer(200)), /no disk/);
    assert.deepEqual(said.slice(1), ["revoke", "withheld"]);
  });

  it("revokes when an answer is lost that the application may have given", async () => {
    const { hold, said } = setUp();
    await (await hold)?.onLost(true);
    assert.deepEqual(said.slice(1), ["lost", "revoke"]);
  });

  it("keeps the token where that is configured, or where nothing was sent", async () => {
    const keep = setUp({ onUnknownOutcome: "keep" });
    await (await keep.hold)?.onLost(true);
    assert.deepEqual(keep.said.slice(1), ["drop"]);
    const unsent = setUp();
    await (await unsent.hold)?.onLost(false);
    assert.deepEqual(unsent.said.slice(1), ["drop"]);
  });

  it("releases a subject's revocation only when its second is over", async () => {
    const times = [100.2, 100.2, 100.7, 101];
    const clock = { nowSeconds: () => times.shift() ?? 101 };
    const cutoffs: (number | undefined)[] = [];
    const options = {
      clock,
      lifetimes: { clockToleranceSeconds: 5, maxLifetimeSeconds: 500 },
      denylist: {
        knownBeginning: () => undefined,
        intend: async () => ({
          revoke: async (entries: readonly Entry[] = []) => {
            cutoffs.push(...entries.map(({ cutoff }) => cutoff));
          },
          drop() {},
        }),
      },
      onUnknownOutcome: "revoke",
      holdTimeoutMs: 60_000,
      onHold: () => () => {},
      onLost() {},
      onSubjectUnknown() {},
      onSubjectKept() {},
      unproven: createUnprovenBudget(100)("192.0.2.1"),
      bodyBytes: 1000,
      verifier,
      onUnreadable: () => {},
      onHandedOut: () => {},
      onNothingHandedOut: () => {},
      onSessionUnknown: () => {},
      onRedirection: () => {},
    } as const;
    const route = { access: "protected", revoke: "subject" } as const;
    const hold = await holdFor(
      route,
      { tokens: [{ ...token, subject: "s".repeat(43) }], subjects: [], unproven: 0 },
      options,
    );
    await hold?.onResponse(answer(200));
    assert.deepEqual(cutoffs, [undefined, 100]);
    // Asked until the second was over: all times are used up.
    assert.deepEqual(times, []);
  });

  it("is not there on other routes, or without a token", () => {
    const intend = () => assert.fail("nothing would be revoked");
    const options = { denylist: { intend } } as unknown as HoldOptions;
    const plain = { access: "protected", revoke: undefined } as const;
    assert.equal(
      holdFor(plain, { tokens: [token], subjects: [], unproven: 0 }, options),
      undefined,
    );
    assert.equal(holdFor(revoking, { tokens: [], subjects: [], unproven: 0 }, options), undefined);
  });
});
