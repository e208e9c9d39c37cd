import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import type { EpochSeconds } from "../../../src/platform/clock.ts";
import { createNames } from "../../../src/token/names.ts";
import { readOpaqueToken } from "../../../src/token/opaque-token.ts";
import { fc } from "../../helpers/fast-check.ts";

const names = createNames();

function read(text: string) {
  const { id, former = [], others = [] } = readOpaqueToken(text, 1000 as EpochSeconds, names);
  const written = [id, ...former.map(({ value }) => value)];
  return { written, lookedUp: [...written, ...others.map(({ value }) => value)] };
}

/** Whether a token is dead when another text was logged out. */
function endsWith(loggedOut: string, presented: string): boolean {
  const { written } = read(loggedOut);
  return read(presented).lookedUp.some((name) => written.includes(name));
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const sealed = fc
  .tuple(fc.nat(), fc.integer({ min: 48, max: 128 }))
  .map(([seed, length]) =>
    Buffer.concat(
      [0, 1].map((half) => createHash("sha512").update(`${seed} ${half}`).digest()),
    ).subarray(0, length),
  )
  // One in 2^18 looks like a JSON object, after whose padding further parts may follow.
  .filter((bytes) => !bytes.toString("base64url").startsWith("eyJ"));

/** The last character with other spare bits; the text has no padding. */
function otherSpareBits(text: string, bits: number): string {
  const spare = [0, 0, 4, 2][text.length % 4] ?? 0;
  const last = alphabet.indexOf(text.at(-1) ?? "");
  return text.slice(0, -1) + alphabet[last ^ (bits % 2 ** spare)];
}

/** Spellings that one decoder or another reads as the same bytes. */
const respellings: readonly [name: string, (text: string, some: number) => string][] = [
  ["spare bits", otherSpareBits],
  ["no padding, which Python's itsdangerous, JWTs and PHP do without", (text) => text],
  ["one sign of padding more", (text) => `${padded(text)}=`],
  ["the other alphabet", (text) => text.replaceAll("-", "+").replaceAll("_", "/")],
  [
    "a foreign character",
    (text, some) => {
      const at = some % text.length;
      return text.slice(0, at) + ["!", ".", ":", "~", " "][some % 5] + text.slice(at);
    },
  ],
  [
    "padding in the middle: PHP",
    (text, some) => `${text.slice(0, some % text.length)}=${text.slice(some % text.length)}`,
  ],
  ["spare bits and a foreign character behind", (text, some) => `${otherSpareBits(text, some)}!`],
];

function padded(text: string): string {
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

describe("an opaque token", () => {
  for (const [name, respell] of respellings) {
    it(`is dead in another spelling: ${name}`, () => {
      fc.assert(
        fc.property(sealed, fc.nat(1000), (bytes, some) => {
          const text = bytes.toString("base64url");
          const other = respell(text, some);
          assert.ok(endsWith(text, other) && endsWith(other, text), `${text} and ${other}`);
          assert.ok(endsWith(padded(text), other), `${padded(text)} and ${other}`);
        }),
        { numRuns: 150 },
      );
    });
  }

  it("is dead with text behind the padding, where Python, Ruby and Node stop, and does not share a name with that", () => {
    fc.assert(
      fc.property(sealed, (bytes) => {
        const text = bytes.toString("base64url");
        const end = `${padded(text)}${text.length % 4 === 0 ? "====" : ""}`;
        const [other, another] = [`${end}.Junk`, `${end}.junk`];
        assert.ok(endsWith(text, other) && endsWith(padded(text), other), other);
        // What stands there may be a signature, which alone tells one token from the next.
        assert.ok(!endsWith(other, another) && !endsWith(other, text), other);
      }),
      { numRuns: 150 },
    );
  });

  it("is dead with padding where decoders read on, and text after the padding where they stop", () => {
    const text = `Ab${randomBytes(60).toString("base64url").replace(/[-_]/g, "A")}`;
    for (const length of [66, 67]) {
      const token = text.slice(0, length);
      // A sign after whole fours is skipped; one after two characters ends nothing if two are missing (Python).
      for (const at of [32, 34]) {
        const other = `${token.slice(0, at)}=${token.slice(at)}`;
        const ended = `${other}${"=".repeat(4 - (length % 4))}Junk`;
        assert.ok(endsWith(token, ended), ended);
      }
    }
  });

  it("is dead when any part of several is spelled in another way", () => {
    const parts = [16, 40, 16].map((length) => randomBytes(length).toString("base64url"));
    for (const separator of [".", ":", "|"]) {
      for (const index of parts.keys()) {
        for (const bits of [1, 2, 3]) {
          const other = parts.with(index, otherSpareBits(parts[index] ?? "", bits));
          assert.ok(endsWith(parts.join(separator), other.join(separator)));
          assert.ok(endsWith(parts.join(separator), `${other.join(separator)}=`));
        }
        const longer = parts.with(index, `${padded(parts[index] ?? "")}=Junk`);
        assert.ok(endsWith(parts.join(separator), longer.join(separator)), longer.join(separator));
      }
    }
  });

  it("in characters that mean nothing to a decoder of the other alphabet is dead without them", () => {
    const text = randomBytes(60).toString("base64url").replace(/[-_]/g, "A");
    assert.ok(endsWith(text, `${text.slice(0, 20)}-${text.slice(20)}`));
    assert.ok(endsWith(text, `${text}_`));
  });

  it("in hexadecimal, such as a UUID, is dead in any letter case, and with what a decoder leaves out", () => {
    assert.ok(
      endsWith("6f1c0e9a-2f6b-4a55-9c0e-6b1f8a2d7e11", "{6F1C0E9A-2f6b-4a55-9c0e-6b1f8a2d7e11}"),
    );
    const hexadecimal = [16, 32].map((length) => randomBytes(length).toString("hex")).join(":");
    assert.ok(endsWith(hexadecimal, hexadecimal.toUpperCase()));
    assert.ok(endsWith(hexadecimal, `${hexadecimal}Zz`));
  });

  it("is looked up by its hexadecimal spelling beside its others, and written by those alone", () => {
    const loosely = (token: string) => {
      const { written, lookedUp } = read(token);
      return new Set(lookedUp).size - new Set(written).size;
    };
    const sealed = randomBytes(64).toString("hex");
    assert.equal(loosely(`${sealed}_${"x".repeat(20)}`), 1);
    for (const token of [sealed, `${randomBytes(24).toString("base64url")}!`, "short"])
      assert.equal(loosely(token), 0, token);
  });

  it("ends no other that begins with the same id in hexadecimal", () => {
    const secret = () => randomBytes(24).toString("base64url");
    for (const bytes of [12, 16, 20, 32]) {
      const id = randomBytes(bytes).toString("hex");
      for (const separator of [..."_-~$/.:|", "x"]) {
        const [victim, madeUp] = [id + separator + secret(), id + separator + secret()];
        for (const loggedOut of [madeUp, id, `${id}zz`]) {
          assert.ok(!endsWith(loggedOut, victim), `${loggedOut} and ${victim}`);
        }
      }
    }
    const [sealed, garbage] = [randomBytes(64).toString("hex"), secret()];
    assert.ok(!endsWith(`${sealed}_${garbage}`, `${sealed}_${secret()}`));
  });

  it("is never another one that is issued", () => {
    const random = () => randomBytes(33).toString("base64url");
    const [same, user] = [random(), `{"sub":"alice","roles":["a","b"]}`];
    const payload = Buffer.from(user).toString("base64");
    const issued = [
      ...["a", "b"].map((last) => `sid-${last}`),
      ...[11, 12].map((counter) => `65f0c0ffee65f0c0ffee65${counter}`),
      ...["V", "W"].map((last) => `01ARZ3NDEKTSV4RRFFQ69G5FA${last}`),
      ...[random(), random()].map((text) => `v4.local.${text}`),
      ...[random(), random()].map((text) => `v4.public.${text}.${same}`),
      // Padded parts, of which the first are the same: AWS's load balancers.
      ...[random(), random()].map((text) => `${payload}.${text}==.${random()}==`),
      ...[random(), random()].map((text) => `${payload}.${payload}.${text}.${random()}`),
      // One user's, signed anew at each login.
      ...[random(), random()].map((text) => `${same}${same}=.${text}`),
      ...[random(), random()].map((text) => `${same}${same}A==--${text}`),
      ...[1, 2].map(
        (at) =>
          `uid=alice&roles=${same}${same}&at=${at}&sig=${createHash("sha256").update(`${at}`).digest("hex")}`,
      ),
      ...[1, 2].map(
        (at) =>
          `uid=alice|roles=${same}${same}|at=${at}|sig=${createHash("md5").update(`${at}`).digest("hex")}`,
      ),
      ...[random(), random()].map((text) => `${same}.${text}`),
      ...[random(), random()].map((text) => `${text}.${same}`),
    ];
    for (const [index, one] of issued.entries()) {
      for (const other of issued.slice(index + 1)) {
        assert.ok(!endsWith(one, other) && !endsWith(other, one), `${one} and ${other}`);
      }
    }
  });

  it("of any length and many parts is named quickly, and has few names", () => {
    const text = randomBytes(6000).toString("base64url");
    for (const hostile of [
      text,
      text.replace(/../g, "$&.:|="),
      "=.".repeat(4000),
      `${text}==.${text}=`,
    ]) {
      assert.ok(read(hostile.slice(0, 8192)).lookedUp.length <= 34);
    }
  });

  it("has the name by which sidecars of before know it, too", () => {
    const former = (text: string) =>
      createHash("sha256").update(`opaque:${text}`).digest("base64url");
    const text = randomBytes(32).toString("base64url");
    assert.ok(read(`${text}=`).written.includes(former(`${text}=`)));
    assert.ok(read(`a.${text}.c`).written.includes(former(`a.${text}`)));
    const jwe = `eyJhbGciOiJkaXIifQ..${text}.${text}.${text}`;
    assert.ok(read(jwe).written.includes(former(jwe)));
    assert.deepEqual(read("short").written, [former("short")]);
  });
});
