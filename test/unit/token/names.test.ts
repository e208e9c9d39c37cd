import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { createNames, type Name, type Names } from "../../../src/token/names.ts";
import { hostileTexts } from "../../attacks/fuzzers/hostile.ts";
import { fc } from "../../helpers/fast-check.ts";

const key = randomBytes(32);
const formerKey = randomBytes(32);
const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");

/** Texts of which some are made of others, as whoever wants to be somebody else would make them. */
const text = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("a", "b", "sub", "event", "https://a", "event of a", ...hostileTexts),
    fc.string({ unit: "binary", maxLength: 3 }),
    fc.tuple(tie("text"), tie("text")).map((pair) => JSON.stringify(pair)),
    fc
      .tuple(
        fc.constantFrom("sub", "sid", "jti", "event", "tok"),
        fc.constantFrom(null, "a"),
        tie("text"),
      )
      .map((fact) => JSON.stringify(fact)),
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `${a}${b}`),
    fc
      .tuple(fc.constantFrom("opaque:", "event of ", "\\ud800"), tie("text"))
      .map(([a, b]) => a + b),
  ),
})).text;

type Fact =
  | {
      readonly kind: "sub" | "sid" | "jti";
      readonly issuer: string | undefined;
      readonly value: string;
    }
  | { readonly kind: "event"; readonly issuer: string; readonly value: string }
  | { readonly kind: "token" | "opaque"; readonly value: string };

const issuer = fc.oneof(fc.constantFrom("a", "https://a", "event of a", '["a","b"]'), text);
const signingInput = fc.constantFrom("a.b", "a.bb", "aa.b", "a.");
const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("sub", "sid", "jti"),
    issuer: fc.option(issuer, { nil: undefined }),
    // An empty text names nobody.
    value: text.filter((each) => each !== ""),
  }),
  fc.record({ kind: fc.constant("event"), issuer, value: text }),
  fc.record({ kind: fc.constant("token"), value: signingInput }),
  fc.record({ kind: fc.constant("opaque"), value: fc.oneof(signingInput, text) }),
);

function nameOf(names: Names, fact: Fact): Name {
  switch (fact.kind) {
    case "event":
      return names.event(fact.issuer, fact.value);
    case "token":
    case "opaque":
      return names[fact.kind](fact.value);
    default:
      return names.claim(fact.kind, fact.issuer, fact.value) ?? assert.fail("no name");
  }
}

/** Under which kinds of entries it is kept: what is of two kinds can't meet. */
const tableOf = ({ kind }: Fact) =>
  kind === "event" ? "jti" : kind === "opaque" || kind === "token" ? "tok" : kind;

const all = ({ value, former }: Name) => [value, ...former];

describe("names", () => {
  const settings = {
    "of today": {},
    "of today and of 0.1": { formerNames: true },
    "with a key": { key },
    "with two keys": { key, formerKey },
    "of every form": { key, formerKey, formerNames: true },
  };
  for (const [what, options] of Object.entries(settings)) {
    it(`are never those of another fact: ${what}`, () => {
      const names = createNames(options);
      let tried = 0;
      fc.assert(
        fc.property(fact, fact, (one, other) => {
          if (JSON.stringify(one) === JSON.stringify(other)) return;
          if (tableOf(one) !== tableOf(other)) return;
          tried += 1;
          const held = new Set(all(nameOf(names, one)));
          for (const name of all(nameOf(names, other))) {
            assert.ok(!held.has(name), `${JSON.stringify(one)} and ${JSON.stringify(other)}`);
            assert.match(name, /^[\w-]{43}$/);
          }
        }),
        { numRuns: 2000, examples: collisions },
      );
      assert.ok(tried > 250, `${tried}`);
    });
  }

  /** What was one name in revgate 0.1, or would be in a simpler form. */
  const collisions: [Fact, Fact][] = [
    [
      { kind: "sub", issuer: undefined, value: '["https://other","alice"]' },
      { kind: "sub", issuer: "https://other", value: "alice" },
    ],
    [
      { kind: "jti", issuer: undefined, value: '["event of https://a","1"]' },
      { kind: "event", issuer: "https://a", value: "1" },
    ],
    [
      { kind: "jti", issuer: "event of https://a", value: "1" },
      { kind: "event", issuer: "https://a", value: "1" },
    ],
    [
      { kind: "sub", issuer: undefined, value: '["sub",null,"alice"]' },
      { kind: "sub", issuer: undefined, value: "alice" },
    ],
    [
      { kind: "sub", issuer: undefined, value: "\ud800" },
      { kind: "sub", issuer: undefined, value: "\udfff" },
    ],
    [
      { kind: "opaque", value: "\ud800" },
      { kind: "opaque", value: "\udfff" },
    ],
    [
      { kind: "opaque", value: "a.b" },
      { kind: "token", value: "a.b" },
    ],
  ];

  it("are those of revgate 0.1 beside today's, until they are told not to", () => {
    const names = createNames({ formerNames: true });
    assert.deepEqual(names.claim("sub", undefined, "alice")?.former, [sha256("alice")]);
    assert.deepEqual(names.claim("jti", "https://a", "1")?.former, [sha256('["https://a","1"]')]);
    assert.deepEqual(names.event("https://a", "1").former, [sha256('["event of https://a","1"]')]);
    assert.deepEqual(names.token("a.b"), { value: sha256("a.b"), former: [] });
    assert.deepEqual(createNames().claim("sub", undefined, "alice")?.former, []);
  });

  it("are no bare hash of any text, which sidecars of 0.1 make of whatever they are given", () => {
    for (const kind of ["sub", "sid", "jti"] as const) {
      const name = createNames().claim(kind, undefined, "alice")?.value;
      assert.notEqual(name, sha256(JSON.stringify([kind, null, "alice"])));
    }
  });

  it("can't be guessed by whoever has no key", () => {
    const names = createNames({ key });
    const other = createNames({ key: formerKey });
    const plain = createNames({ formerNames: true });
    const facts: Fact[] = [
      { kind: "sub", issuer: undefined, value: "1" },
      { kind: "sid", issuer: "https://a", value: "1" },
      { kind: "token", value: "a.b" },
      { kind: "opaque", value: "1" },
      { kind: "event", issuer: "https://a", value: "1" },
    ];
    for (const each of facts) {
      const known = [...all(nameOf(plain, each)), ...all(nameOf(other, each))];
      for (const name of all(nameOf(names, each))) assert.ok(!known.includes(name));
    }
  });

  it("have a key's former ones, so that keys can be replaced", () => {
    const [before, after] = [createNames({ key: formerKey }), createNames({ key, formerKey })];
    const { value } = before.claim("sub", undefined, "alice") ?? assert.fail();
    assert.ok(after.claim("sub", undefined, "alice")?.former.includes(value));
    assert.deepEqual(after.forms.slice(1), before.forms);
    assert.notEqual(after.forms[0], before.forms[0]);
  });

  it("are given to texts alone", () => {
    for (const value of [undefined, null, {}, [], true]) {
      assert.equal(createNames().claim("sub", undefined, value), undefined);
    }
  });
});
