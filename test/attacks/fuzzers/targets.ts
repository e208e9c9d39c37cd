import assert from "node:assert/strict";
import { fc } from "../../helpers/fast-check.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { assertNothingElseReached } from "../classes/exemptions.ts";
import { type Fronted, placeInFront } from "../classes/fronted.ts";
import { exchange, head } from "../exchange.ts";
import { placeRevgate } from "../gatekeepers.ts";
import { type Fuzzer, type FuzzOptions, tryEach } from "./fuzzer.ts";

/** What targets are made of: the routes, and everything that has ever been put between them. */
const words = [
  "login",
  "static",
  "logout",
  "reset-password",
  "change-password",
  "me",
  "a",
  "x.css",
];
const separators = [
  ...[
    "/",
    "/",
    "/",
    "/",
    "//",
    "\\",
    "%2f",
    "%2F",
    "%5c",
    "%252f",
    "%c0%af",
    "%u2215",
    "%e0%80%af",
  ],
  ...[
    "/./",
    "/../",
    "/.%2e/",
    "/%2e%2e/",
    "/%252e%252e/",
    "/..;/",
    "/..;a=b/",
    "/;/",
    "/;a=b/",
    "%2e",
    ".",
  ],
  ...[
    ";",
    ";a=b",
    "%3b",
    "?",
    "%3f",
    "?/",
    "#",
    "%23",
    "#/",
    "%00",
    "%0a",
    "%20",
    "%09",
    "%",
    "%zz",
    "*",
    "@",
    ":",
    "~",
    "\xe9",
    "\xc0\xaf",
  ],
];

const spellings = (word: fc.Arbitrary<string>) =>
  fc
    .tuple(word, fc.constantFrom("as is", "upper", "one", "encoded", "twice"), fc.nat(20))
    .map(([word, how, at]) => {
      const i = at % word.length;
      const [before, character = "", after] = [word.slice(0, i), word[i], word.slice(i + 1)];
      const hex = character.charCodeAt(0).toString(16).padStart(2, "0");
      if (how === "upper") return word.toUpperCase();
      if (how === "one") return `${before}${character.toUpperCase()}${after}`;
      if (how === "encoded") return `${before}%${hex}${after}`;
      return how === "twice" ? `${before}%25${hex}${after}` : word;
    });

const piece = fc.oneof(fc.constantFrom(...separators), spellings(fc.constantFrom(...words)));

/** A target that starts like one more often than not. */
const target = fc
  .tuple(
    fc.constantFrom("/", "/", "/", "/", "", "//", "http://a/", "/static/", "/login", "/logout"),
    fc.array(piece, { maxLength: 6 }),
  )
  .map(([start, pieces]) => start + pieces.join(""));

/** Spellings around one of the routes. */
const nearLogout = fc
  .tuple(
    fc.constantFrom(
      "/",
      "/",
      "/",
      "/",
      "//",
      "/./",
      "/a/../",
      "/static/..;/",
      "/;x/",
      "http://a/",
      "\\",
      "%2f",
    ),
    spellings(fc.constant("logout")),
    fc.oneof(fc.constant(""), fc.constant("/"), fc.constantFrom(...separators)),
    fc.oneof(fc.constant(""), fc.constant(""), piece),
  )
  .map((pieces) => pieces.join(""));

const method = fc.constantFrom(
  "POST",
  "POST",
  "POST",
  "POST",
  "GET",
  "PUT",
  "HEAD",
  "DELETE",
  "OPTIONS",
);
const override = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  fc
    .tuple(
      fc.constantFrom(
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X_HTTP_Method",
      ),
      fc.constantFrom("GET", "POST", "DELETE", "put"),
    )
    .map((pair) => pair.join(": ")),
);

/** Tries targets without a token at one framework after the other; resolves to how many were tried. */
export async function fuzzExemptions(
  fronts: readonly Fronted[],
  options: FuzzOptions,
): Promise<number> {
  let tried = 0;
  await check(target, options, async (path, verb, more) => {
    const front = fronts[tried % fronts.length];
    tried += 1;
    if (front !== undefined) await assertNothingElseReached(front, `${verb} ${path}`, more);
  });
  return tried;
}

/** Tries targets with a token; whatever the application takes for a logout must end it. */
export async function fuzzLogouts(
  fronts: readonly Fronted[],
  options: FuzzOptions,
): Promise<{ tried: number; loggedOut: number }> {
  let tried = 0;
  let loggedOut = 0;
  const tokens = new Map<Fronted, string>();
  await check(nearLogout, options, async (path, verb, more) => {
    const front = fronts[tried % fronts.length];
    tried += 1;
    if (front === undefined) return;
    const token = tokens.get(front) ?? makeToken();
    tokens.set(front, token);
    const lines = [`token: ${token}`, "Content-Length: 0", ...more];
    const answer = await exchange(front.gate.port, head(`${verb} ${path} HTTP/1.1`, lines));
    // An application that broke off in the middle of it may have logged out, too.
    if (answer.status >= 401) tokens.delete(front);
    if (answer.headers["handled-by"] !== "logout") return;
    loggedOut += 1;
    tokens.delete(front);
    const after = await exchange(front.gate.port, head("GET /me HTTP/1.1", [`token: ${token}`]));
    assert.equal(after.status, 401, `${front.framework.name}: ${verb} ${path} ${more.join(" ")}`);
  });
  return { tried, loggedOut };
}

function check(
  targets: fc.Arbitrary<string>,
  options: FuzzOptions,
  attempt: (path: string, verb: string, more: readonly string[]) => Promise<void>,
): Promise<void> {
  return tryEach(fc.tuple(targets, method, override), options, ([path, verb, header]) =>
    attempt(path, verb, header === undefined ? [] : [header]),
  );
}

/** The naive gate gives way within 32 tries. */
const short = { runs: 1000, timeLimitMs: 150_000 };

/** Targets without a token. */
export const exemptionsFuzzer: Fuzzer = {
  name: "exemptions",
  claim: "nothing but what is open is reached without a token, at any framework",
  short: { ...short, atLeast: { tried: 500 } },
  fuzz: async (t, options) => ({
    tried: await fuzzExemptions(await placeInFront(t, placeRevgate, options.frameworks), options),
  }),
};

/** Targets with a token. */
export const logoutsFuzzer: Fuzzer = {
  name: "logouts",
  claim: "what a framework takes for a logout ends the token",
  short: { ...short, atLeast: { loggedOut: 11 } },
  fuzz: async (t, options) =>
    fuzzLogouts(await placeInFront(t, placeRevgate, options.frameworks), options),
};
