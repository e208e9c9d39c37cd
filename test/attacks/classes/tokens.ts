import assert from "node:assert/strict";
import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startApplication, type TestApplication } from "../../helpers/application.ts";
import { nextKeyPair } from "../../helpers/key-pairs.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { keyPair, publicPem, threeDays } from "../../helpers/tokens.ts";
import { defineAttacks, type Gatekeeper, type Vector } from "../attack.ts";
import { exchange, head } from "../exchange.ts";

interface Site {
  readonly gate: Gatekeeper;
  /** One whose key is that of RFC 7515 appendix A.2. */
  readonly rfc7515Gate: Gatekeeper;
  readonly application: TestApplication;
}

const now = () => Math.floor(Date.now() / 1000);
const encode = (text: string | Buffer) => Buffer.from(text).toString("base64url");
const claims = () => ({ sub: "mallory", iat: now(), exp: now() + threeDays });

type Signer = (input: string) => Buffer;
const rsa =
  (hash: string, key: KeyObject = keyPair.privateKey): Signer =>
  (input) =>
    sign(hash, Buffer.from(input), key);
const pss =
  (hash: string): Signer =>
  (input) =>
    sign(hash, Buffer.from(input), {
      key: keyPair.privateKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    });
const hmac =
  (hash: string, secret: string | Buffer): Signer =>
  (input) =>
    createHmac(hash, secret).update(input).digest();
const rightly = rsa("sha256");

/** Puts a token together from texts, as an issuer would that does not look at what it signs. */
function signed(header: string | object, payload: string | Buffer | object, by = rightly): string {
  const text = (part: string | Buffer | object) =>
    typeof part === "string" || Buffer.isBuffer(part) ? part : JSON.stringify(part);
  const input = `${encode(text(header))}.${encode(text(payload))}`;
  return `${input}.${by(input).toString("base64url")}`;
}

const good = (header: object = {}, payload: object = {}, by = rightly) =>
  signed({ alg: "RS256", typ: "JWT", ...header }, { ...claims(), ...payload }, by);

/** A token that must not get through, whatever is said of it. */
function refused(name: string, source: string, make: () => string): Vector<Site> {
  return {
    name,
    source,
    async attempt({ gate, application }) {
      const before = application.seen.length;
      const { status, text } = await exchange(
        gate.port,
        head("GET /me HTTP/1.1", [`token: ${make()}`]),
      );
      assert.equal(application.seen.length, before, "the application was reached");
      assert.ok([400, 401, 431].includes(status), text.slice(0, 200));
    },
  };
}

/** An oddity that is allowed, for a reason. */
function accepted(name: string, reason: string, make: () => string): Vector<Site> {
  return {
    name,
    source: reason,
    async attempt({ gate }) {
      const { status, text } = await exchange(
        gate.port,
        head("GET /me HTTP/1.1", [`token: ${make()}`]),
      );
      assert.equal(status, 200, text.slice(0, 200));
    },
  };
}

const stranger = nextKeyPair();
const curve = generateKeyPairSync("ec", { namedCurve: "P-256" });
const strangerJwk = stranger.publicKey.export({ format: "jwk" });
const der = keyPair.publicKey.export({ type: "spki", format: "der" });
const pkcs1 = keyPair.publicKey.export({ type: "pkcs1", format: "pem" }).toString();
const { n = "", e = "" } = keyPair.publicKey.export({ format: "jwk" });

const none = ["none", "None", "NONE", "nOnE", "none ", "", " ", "null"].flatMap((alg) => {
  const source = "RFC 8725 section 2.1; CVE-2015-9235, CVE-2022-23540";
  const bare = () => signed({ alg, typ: "JWT" }, claims(), () => Buffer.alloc(0));
  return [
    refused(`alg ${JSON.stringify(alg)} without a signature`, source, bare),
    refused(`alg ${JSON.stringify(alg)} in two parts`, source, () => bare().slice(0, -1)),
    refused(`alg ${JSON.stringify(alg)} with a right signature`, source, () => good({ alg })),
  ];
});

const keyForms: Record<string, string | Buffer> = {
  "PEM file": publicPem,
  "PEM without its last line feed": publicPem.trimEnd(),
  "PEM with CRLF": publicPem.replaceAll("\n", "\r\n"),
  "PEM in one line": publicPem.replaceAll("\n", ""),
  "PEM's base64 alone": publicPem.replaceAll(/-----.*-----|\n/g, ""),
  "PKCS #1 PEM": pkcs1,
  "DER bytes": der,
  "DER in base64": der.toString("base64"),
  "JWK text": JSON.stringify({ e, kty: "RSA", n }),
  "modulus in base64url": n,
  "modulus bytes": Buffer.from(n, "base64url"),
  "empty text": "",
};
const confusion = Object.entries(keyForms).flatMap(([form, secret]) =>
  (["256", "384", "512"] as const).map((bits) =>
    refused(
      `HS${bits} with the public key as secret: ${form}`,
      "RFC 8725 section 2.1; CVE-2022-23541, CVE-2024-54150",
      () => good({ alg: `HS${bits}` }, {}, hmac(`sha${bits}`, secret)),
    ),
  ),
);

const otherAlgorithms = [
  ...["384", "512"].map((bits) =>
    refused(`RS${bits} with the right key`, "RFC 8725 section 3.1", () =>
      good({ alg: `RS${bits}` }, {}, rsa(`sha${bits}`)),
    ),
  ),
  ...["256", "384", "512"].map((bits) =>
    refused(`PS${bits} with the right key`, "RFC 8725 section 3.1", () =>
      good({ alg: `PS${bits}` }, {}, pss(`sha${bits}`)),
    ),
  ),
  refused("RS256 said, PS256 signed", "RFC 8725 section 3.1", () => good({}, {}, pss("sha256"))),
  refused("ES256 with another key", "RFC 8725 section 3.1", () =>
    good({ alg: "ES256" }, {}, (input) =>
      sign("sha256", Buffer.from(input), { key: curve.privateKey, dsaEncoding: "ieee-p1363" }),
    ),
  ),
  refused("ES256 with r = s = 0", "CVE-2022-21449", () =>
    good({ alg: "ES256" }, {}, () => Buffer.alloc(64)),
  ),
  refused("RS256 with a signature of zeros", "RFC 8017 section 8.2.2", () =>
    good({}, {}, () => Buffer.alloc(256)),
  ),
  refused("RS256 with a signature of ones", "RFC 8017 section 8.2.2", () =>
    good({}, {}, () => Buffer.alloc(256, 1)),
  ),
  refused("RS256 with a signature cut by a byte", "RFC 8017 section 8.2.2", () =>
    good({}, {}, (input) => rightly(input).subarray(0, 255)),
  ),
  refused("RS256 with a byte of zero before its signature", "RFC 8017 section 8.2.2", () =>
    good({}, {}, (input) => Buffer.concat([Buffer.alloc(1), rightly(input)])),
  ),
  refused("RS256 with a byte behind its signature", "RFC 8017 section 8.2.2", () =>
    good({}, {}, (input) => Buffer.concat([rightly(input), Buffer.alloc(1)])),
  ),
  refused("a stranger's RS256", "RFC 7515 section 5.2", () =>
    good({}, {}, rsa("sha256", stranger.privateKey)),
  ),
  ...["rs256", "RS256 ", "RSA-SHA256", ["RS256"], { alg: "RS256" }, 256, true, null].map((alg) =>
    refused(`alg ${JSON.stringify(alg)}`, "RFC 7515 section 4.1.1", () => good({ alg })),
  ),
  refused("no alg", "RFC 7515 section 4.1.1", () => signed({ typ: "JWT" }, claims())),
];

const byStranger = (header: object) => good(header, {}, rsa("sha256", stranger.privateKey));
const keyTricks = [
  refused("the stranger's own key in jwk", "RFC 7515 section 4.1.3; CVE-2018-0114", () =>
    byStranger({ jwk: strangerJwk }),
  ),
  refused("jku and x5u that point to the stranger", "RFC 8725 section 3.10", () =>
    byStranger({ jku: "http://127.0.0.1:1/jwks", x5u: "http://127.0.0.1:1/pem", kid: "x" }),
  ),
  refused("the stranger's key in x5c", "RFC 7515 section 4.1.6", () =>
    byStranger({
      x5c: [stranger.publicKey.export({ type: "spki", format: "der" }).toString("base64")],
    }),
  ),
  ...[
    "../../../../dev/null",
    "/proc/self/environ",
    "' UNION SELECT 'x",
    "x\u0000y",
    "__proto__",
    "constructor",
  ].flatMap((kid) => [
    refused(`kid ${JSON.stringify(kid)}, a stranger's signature`, "RFC 8725 section 3.10", () =>
      byStranger({ kid }),
    ),
    refused(`kid ${JSON.stringify(kid)}, HS256 with an empty secret`, "RFC 8725 section 3.10", () =>
      good({ kid, alg: "HS256" }, {}, hmac("sha256", "")),
    ),
  ]),
];

const extensions = [
  ...[
    { crit: ["exp"] },
    { crit: ["b64"], b64: false },
    { crit: [] },
    { crit: "exp" },
    { crit: null },
  ].map((extra) =>
    refused(
      `${JSON.stringify(extra)}, rightly signed`,
      "RFC 7515 section 4.1.11; CVE-2025-59420, CVE-2025-45769",
      () => good(extra),
    ),
  ),
  refused("b64: false, rightly signed", "RFC 7797 section 6", () => good({ b64: false })),
  refused("an unencoded payload", "RFC 7797 section 3", () => {
    const start = `${encode('{"alg":"RS256","b64":false}')}.${JSON.stringify(claims())}`;
    return `${start}.${rightly(start).toString("base64url")}`;
  }),
  refused("zip, rightly signed", "RFC 7516 section 4.1.3; CVE-2024-28176", () =>
    good({ zip: "DEF" }),
  ),
  refused("a JWS within a JWS", "RFC 7519 section 5.2; RFC 8725 section 2.7", () =>
    signed({ alg: "RS256", cty: "JWT" }, good()),
  ),
  refused(
    "a JWE of five parts",
    "RFC 7516 section 7.1",
    () =>
      `${encode('{"alg":"RSA-OAEP","enc":"A256GCM"}')}.${encode("k")}.${encode("iv")}.${encode("c")}.${encode("t")}`,
  ),
  refused("alg dir in three parts", "RFC 7516 section 4.1.1; CVE-2026-29000", () =>
    good({ alg: "dir", enc: "A256GCM" }),
  ),
  refused("the JSON serialisation", "RFC 7515 section 7.2", () => {
    const [header, payload, signature] = good().split(".");
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
  }),
];

const body = () => JSON.stringify(claims()).slice(1);
const duplicates = [
  refused("alg twice, none last", "RFC 7515 section 4", () =>
    signed('{"alg":"RS256","alg":"none"}', claims()),
  ),
  refused("alg twice, none first", "RFC 7515 section 4", () =>
    signed('{"alg":"none","alg":"RS256"}', claims()),
  ),
  refused("alg twice, once escaped", "RFC 7515 section 4", () =>
    signed('{"\\u0061lg":"none","alg":"RS256"}', claims()),
  ),
  refused("exp twice, the later one last", "RFC 7519 section 4", () =>
    signed({ alg: "RS256" }, `{"exp":1,${body()}`),
  ),
  refused("sub twice", "RFC 7519 section 4", () =>
    signed({ alg: "RS256" }, `{"sub":"alice",${body()}`),
  ),
];

const far = () => now() + 10 * threeDays * 365;
const times = [
  ...[
    ["exp as a string", { exp: String(far()) }],
    ["exp as a date", { exp: "2999-01-01T00:00:00Z" }],
    ["exp null", { exp: null }],
    ["exp true", { exp: true }],
    ["exp an array", { exp: [far()] }],
    ["exp an object", { exp: {} }],
    ["exp negative", { exp: -1 }],
    ["exp zero", { exp: 0 }],
    ["exp past", { exp: 1_000_000_000 }],
    ["exp absent", { exp: undefined }],
    ["exp in milliseconds", { exp: Date.now() + 1000 }],
    ["nbf to come", { nbf: far() }],
    ["nbf as a string", { nbf: "0" }],
    ["nbf null", { nbf: null }],
    ["iat as a string", { iat: String(now()) }],
    ["iat negative", { iat: -1 }],
    ["a life longer than maxLifetime", { exp: far() }],
  ].map(([name, changes]) =>
    refused(String(name), "RFC 7519 sections 4.1.4 to 4.1.6; RFC 8725 section 3.11", () =>
      good({}, changes as object),
    ),
  ),
  ...["1e400", "-0.0", "1e99", "9007199254740993", "NaN", "Infinity", "0x7fffffff", "01e10"].map(
    (text) =>
      refused(`exp ${text}`, "RFC 8259 section 6; RFC 7519 section 2", () =>
        signed({ alg: "RS256" }, `{"sub":"a","iat":${now()},"exp":${text}}`),
      ),
  ),
];

const payloads = [
  ...['"text"', "[1]", "1", "null", "true", "", "{", '{"exp":9e9}x', "\ufeff{}", "{'exp':1}"].map(
    (payload) =>
      refused(`payload ${JSON.stringify(payload)}`, "RFC 7519 section 7.2; CVE-2020-28042", () =>
        signed({ alg: "RS256" }, payload),
      ),
  ),
  refused("a payload that is not UTF-8", "RFC 7519 section 7.2", () =>
    signed({ alg: "RS256" }, Buffer.from(`{"sub":"\xff",${body()}`, "latin1")),
  ),
  refused("a header that is not UTF-8", "RFC 7515 section 4", () => {
    const input = `${Buffer.from('{"alg":"RS256","x":"\xc0\xaf"}', "latin1").toString("base64url")}.${encode(JSON.stringify(claims()))}`;
    return `${input}.${rightly(input).toString("base64url")}`;
  }),
  ...['["RS256"]', '"RS256"', "null", "{}", "[]"].map((text) =>
    refused(`header ${text}`, "RFC 7515 section 5.2", () => signed(text, claims())),
  ),
];

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The same bytes in another last character, where a part has spare bits. */
function respelled(part: string): string {
  const last = alphabet.indexOf(part.at(-1) ?? "");
  return part.slice(0, -1) + alphabet[last ^ 1];
}
const respellings: [string, (parts: [string, string, string]) => string][] = [
  ["padding on the header", ([h, p, s]) => `${h}=.${p}.${s}`],
  ["padding on the payload", ([h, p, s]) => `${h}.${p}=.${s}`],
  ["padding on the signature", ([h, p, s]) => `${h}.${p}.${s}==`],
  ["spare bits in the signature", ([h, p, s]) => `${h}.${p}.${respelled(s)}`],
  ["a space in the signature", ([h, p, s]) => `${h}.${p}.${s.slice(0, 9)} ${s.slice(9)}`],
  ["a tab in the payload", ([h, p, s]) => `${h}.${p.slice(0, 9)}\t${p.slice(9)}.${s}`],
  ["a NUL in the signature", ([h, p, s]) => `${h}.${p}.${s}\0`],
  ["a NUL in front", ([h, p, s]) => `\0${h}.${p}.${s}`],
  ["a character of Latin-1", ([h, p, s]) => `${h}.${p}.${s}\xe9`],
  ["a character of UTF-8", ([h, p, s]) => `${h}.${p}.${s}\xe2\x80\x8b`],
  ["a full stop behind", ([h, p, s]) => `${h}.${p}.${s}.`],
  ["a full stop in front", ([h, p, s]) => `.${h}.${p}.${s}`],
  ["two full stops", ([h, p, s]) => `${h}..${p}.${s}`],
  ["a fourth part", ([h, p, s]) => `${h}.${p}.${s}.${s}`],
  ["quotes around it", ([h, p, s]) => `"${h}.${p}.${s}"`],
  ["a scheme before it", ([h, p, s]) => `Bearer ${h}.${p}.${s}`],
  ["a list of two", ([h, p, s]) => `${h}.${p}.${s}, ${h}.${p}.${s}`],
  ["a parameter behind", ([h, p, s]) => `${h}.${p}.${s};x=1`],
  ["percent-encoding", ([h, p, s]) => `${h}%2E${p}%2E${s}`],
  ["the alphabet of plain base64", ([h, p, s]) => `${h}.${p}.${s.slice(0, -4)}+/+/`],
  [
    "the signature changed by one bit",
    ([h, p, s]) => `${h}.${p}.${s[0] === "A" ? "B" : "A"}${s.slice(1)}`,
  ],
  [
    "the payload changed",
    ([h, , s]) => `${h}.${encode(JSON.stringify({ ...claims(), sub: "root" }))}.${s}`,
  ],
  ["the header changed", ([, p, s]) => `${encode('{"alg":"RS256"}')}.${p}.${s}`],
  ["no signature", ([h, p]) => `${h}.${p}.`],
  ["no payload", ([h, , s]) => `${h}..${s}`],
];
const spelling = respellings.map(([name, respell]) =>
  refused(name, "RFC 4648 sections 3.3 and 3.5; RFC 7515 section 5.2", () =>
    respell(good().split(".") as [string, string, string]),
  ),
);

const sizes = [8, 64, 1024].map((kibibytes) =>
  refused(`a right token of ${kibibytes} KiB`, "CWE-400; RFC 9110 section 5.4", () =>
    good({}, { filler: "x".repeat(kibibytes * 768) }),
  ),
);

/** RFC 7515 appendix A.2: RS256, its key, and that the signature is found right by it. */
const rfc7515Token =
  "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const rfc7515Key = createPublicKey({
  format: "jwk",
  key: {
    kty: "RSA",
    n: "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    e: "AQAB",
  },
});

/** RFC 7520 section 4.1: header and payload as there. */
const rfc7520Token =
  "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4.AAAA";

const published = [
  {
    name: "RFC 7515's example is found right, and long expired",
    change: (token: string) => token,
    error: "token_expired",
  },
  {
    name: "RFC 7515's example with another signature",
    change: (token: string) => `${token.slice(0, -8)}AAAAAAAA`,
    error: "token_invalid",
  },
  {
    name: "RFC 7515's example with another payload",
    change: (token: string) => token.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJib2Ui"),
    error: "token_invalid",
  },
  {
    name: "RFC 7520's example, whose payload is no JSON",
    change: () => rfc7520Token,
    error: "token_invalid",
  },
].map(
  ({ name, change, error }): Vector<Site> => ({
    name,
    source: "RFC 7515 appendix A.2, RFC 7520 section 4.1",
    async attempt({ rfc7515Gate }) {
      const lines = [`token: ${change(rfc7515Token)}`];
      const { text } = await exchange(rfc7515Gate.port, head("GET /me HTTP/1.1", lines));
      assert.match(text, new RegExp(`"error":"${error}"`));
    },
  }),
);

const oddities = [
  accepted("times with fractions", "allowed: RFC 7519 section 2, NumericDate", () =>
    good({}, { iat: now() - 0.5, exp: now() + 100.25 }),
  ),
  accepted(
    "a kid that no key is configured for",
    "allowed: it names nothing here, and the signature is right",
    () => good({ kid: "anything" }),
  ),
  accepted(
    "claims and header parameters nobody knows",
    "allowed: RFC 7515 section 4, RFC 7519 section 4",
    () => good({ jwk: strangerJwk, jku: "http://127.0.0.1:1/", x: 1 }, { y: { y: [1] } }),
  ),
  accepted(
    "the same member name at two depths",
    "allowed: RFC 8259 section 4, they are different objects",
    () => good({}, { exp2: { exp: 1 }, list: [{ exp: 1 }, { exp: 2 }] }),
  ),
];

export const tokens = defineAttacks<Site>({
  name: "Forged and malformed tokens",
  advisories: [
    "CVE-2015-9235",
    "CVE-2018-0114",
    "CVE-2022-21449",
    "CVE-2022-23540",
    "CVE-2022-23541",
  ],
  async open(t, place) {
    const application = await startApplication(t);
    const file = join(temporaryDirectory(t), "rfc7515.pem");
    writeFileSync(file, rfc7515Key.export({ type: "spki", format: "pem" }));
    const yaml = `tokens: { keys: [ { publicKeyFile: "${file}" } ] }`;
    return {
      application,
      gate: await place(t, { upstream: application.url }),
      rfc7515Gate: await place(t, { upstream: application.url, yaml }),
    };
  },
  vectors: [
    ...[none, confusion, otherAlgorithms, keyTricks, extensions, duplicates].flat(),
    ...[times, payloads, spelling, sizes, published, oddities].flat(),
  ],
});
