import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { entriesFor } from "../../../src/revocation/entries.ts";

const token = {
  id: "t".repeat(43),
  subject: "s".repeat(43),
  issuedAt: 90,
  expiresAt: 1000,
  notBefore: undefined,
};
const lifetimes = { clockToleranceSeconds: 5, maxLifetimeSeconds: 5000 };
const own = { kind: "tok", value: token.id, former: [], expiresAt: 1900 };

describe("entriesFor", () => {
  it("names one token for as long as anybody might accept it", () => {
    assert.deepEqual(
      entriesFor({ scope: "token", tokens: [token], subjects: [] }, 100.5, lifetimes),
      [own],
    );
  });

  it("names all of a subject's up to this second, until the last of them is over", () => {
    // Lives for 5000 s and the largest tolerance, by a clock that is as much ahead; then 900 s beyond its end.
    const all = {
      kind: "sub",
      value: token.subject,
      former: [],
      cutoff: 100,
      expiresAt: 101 + 5000 + 600 + 900,
    };
    assert.deepEqual(
      entriesFor({ scope: "subject", tokens: [token], subjects: [] }, 100.5, lifetimes),
      [own, all],
    );
  });

  it("brings along what token and subject were called before", () => {
    const former = [
      { kind: "sub", value: "former subject" },
      { kind: "sid", value: "former session" },
      { kind: "tok", value: "former token" },
    ] as const;
    // A name under which it is looked up alone is none to revoke it by.
    const others = [...former, { kind: "tok", value: "another token" } as const];
    const entries = entriesFor(
      { scope: "subject", tokens: [{ ...token, former, others }], subjects: [] },
      100.5,
      lifetimes,
    );
    assert.deepEqual(
      entries.map((entry) => [entry.kind, entry.former]),
      [
        ["tok", ["former token"]],
        ["sub", ["former subject"]],
      ],
    );
  });

  it("keeps a revocation as long whatever the configured tolerance is: a larger one may be next", () => {
    const expiries = [0, 300].map((clockToleranceSeconds) =>
      entriesFor({ scope: "subject", tokens: [token], subjects: [] }, 100, {
        ...lifetimes,
        clockToleranceSeconds,
      }).map(({ expiresAt }) => expiresAt),
    );
    assert.deepEqual(expiries[0], expiries[1]);
    // Whoever accepts it does so 300 s beyond its end, by a clock that is 300 s behind.
    assert.ok((expiries[0]?.[0] ?? 0) >= token.expiresAt + 600);
  });

  it("names nothing twice", () => {
    const other = { ...token, id: "u".repeat(43) };
    const kinds = entriesFor(
      { scope: "subject", tokens: [token, other, token], subjects: [] },
      100.5,
      lifetimes,
    ).map(({ kind }) => kind);
    assert.deepEqual(kinds.sort(), ["sub", "tok", "tok"]);
  });

  it("names the token alone where it has no subject", () => {
    const nobodys = { ...token, subject: undefined };
    assert.deepEqual(
      entriesFor({ scope: "subject", tokens: [nobodys], subjects: [] }, 100.5, lifetimes),
      [own],
    );
  });

  const spares = { kept: [token], handedOut: [], since: 100 };
  const nameOf = (text: string) => text.repeat(22);

  it("names all others of a subject's, and not the token itself, where these are to end", () => {
    const session = { ...token, sid: "d".repeat(43) };
    const [entry, ...more] = entriesFor(
      { scope: "others", tokens: [session], subjects: [], spares: { ...spares, kept: [session] } },
      100.25,
      lifetimes,
    );
    assert.deepEqual([entry?.kind, entry?.cutoff, more], ["sub", 100, []]);
    assert.match(
      entry?.sparing ?? "",
      new RegExp(`^250\\d{3};${nameOf("d")}/0/0;${nameOf("t")}/0/0$`),
    );
  });

  it("takes for new what was issued since the request, and never a session", () => {
    const session = "d".repeat(43);
    const handedOut = [
      { ...token, id: "n".repeat(43), sid: session, issuedAt: 100 },
      { ...token, id: "o".repeat(43), issuedAt: 99 },
    ];
    const ends = { scope: undefined, tokens: [], subjects: [], onlyHandedOut: true };
    const [entry, ...more] = entriesFor(
      { ...ends, spares: { ...spares, handedOut } },
      100.25,
      lifetimes,
    );
    assert.deepEqual(more, []);
    assert.match(
      entry?.sparing ?? "",
      new RegExp(`^(250\\d{3});${nameOf("d")}/0/0;${nameOf("n")}/100\\1/0;${nameOf("o")}/0/0$`),
    );
  });
});
