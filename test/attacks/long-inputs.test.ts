import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { preferredLanguage } from "../../src/gateway/refusal-body.ts";
import { readTarget } from "../../src/gateway/target.ts";
import { readRequestFields, readResponseFields, valuesOf } from "../../src/http/body-fields.ts";
import { HeaderList } from "../../src/http/field-lines.ts";
import { readMultipart } from "../../src/http/multipart.ts";
import { queryValues, withoutQueryFields } from "../../src/http/query.ts";
import { subprotocolValues, withoutSubprotocolTokens } from "../../src/http/subprotocols.ts";
import { claimHeaders } from "../../src/token/claim-headers.ts";
import { parseCompactJws } from "../../src/token/compact-jws.ts";
import { readCredential } from "../../src/token/credential.ts";
import { requestHeaders, requestTrailers } from "../../src/upstream/request-headers.ts";
import { responseHeaders } from "../../src/upstream/response-headers.ts";

/**
 * What clients (and the application) send is read in time that grows with its length, and no faster
 * (CWE-1333, CWE-407). Far longer than by default: what takes milliseconds here would take half a minute
 * if it were quadratic.
 */
const length = 100_000;
const maxMs = 5000;

function repeat(unit: string): string {
  return unit.repeat(length / unit.length);
}

/** Fails where one of the texts takes long. */
function assertQuick<Text>(texts: readonly Text[], read: (text: Text) => unknown): void {
  for (const text of texts) {
    // Of CPU: how busy the machine is does not count.
    const before = process.cpuUsage();
    read(text);
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1000;
    assert.ok(tookMs < maxMs, `${JSON.stringify(text).slice(0, 40)}… takes ${tookMs} ms`);
  }
}

describe("inputs of great length", () => {
  const pathUnits = [
    ...[".", "..", "a.", "/.", "/..", ";", ";.", ".;", "/;", "/a", "a", "!", "?", "%"],
    ...["%20", "%2e", "%3B", "%3F", "%23", "%2F", "%25", "%2520", "%c3%a9", ".%20", "/%20", "%2f;"],
  ];
  const around = [
    ...[
      ["/", ""],
      ["/", "x;"],
      ["/", ";x"],
      ["/", "x/;"],
      ["/;", "x"],
      ["/;/", "/"],
    ],
    ...[
      ["/%3B", "x"],
      ["/a?", ""],
    ],
  ];

  it("are no burden as languages, query strings, subprotocols and multipart forms", () => {
    const units = [
      " ",
      "; ",
      ";",
      ",",
      "q=",
      "a&",
      "&;",
      ";a=",
      "%3F",
      "[",
      "\r\n",
      "--x\r\n",
      '"',
      "\\",
      "=",
    ];
    const texts = units.flatMap((unit) =>
      ["", "a", "zh;"].map((before) => `${before}${repeat(unit)}x`),
    );
    assertQuick(texts, preferredLanguage);
    assertQuick(texts, (text) => queryValues(`/a;b${text}?${text}`, "token"));
    assertQuick(texts, (text) => withoutQueryFields(`/?${text}`, new Set(["token"])));
    assertQuick(texts, (text) => {
      const headers = new HeaderList(["Sec-WebSocket-Protocol", text]);
      return subprotocolValues(headers, "bearer.");
    });
    assertQuick(texts, (text) => withoutSubprotocolTokens(text, ["bearer", "bearer."]));
    const type = "multipart/form-data; boundary=x";
    assertQuick(texts, (text) => readMultipart(Buffer.from(`--x\r\n${text}\r\n--x--`), type));
    const head = "--x\r\nContent-Disposition: form-data; name=";
    assertQuick(texts, (text) =>
      readMultipart(Buffer.from(`${head}${text}\r\n\r\n\r\n--x--`), type),
    );
    assertQuick(texts, (text) => readMultipart(Buffer.from("--x--"), `${type}${text}`));
  });

  it("are no burden as targets", () => {
    const targets = pathUnits.flatMap((unit) =>
      around.map(([before, after]) => `${before}${repeat(unit)}${after}`),
    );
    assertQuick(targets, (target) => readTarget(target, { allowEncodedSlash: false }));
    assertQuick(targets, (target) => readTarget(target, { allowEncodedSlash: true }));
  });

  const valueUnits = [
    ...[",", ", ", "a,", ";", "a=;", "sid=1;", " ", " x", "=", "\t", "close,", "\\"],
    ...["keep-alive ", '"', "timeout=", "for=a;"],
  ];
  const facts = {
    peer: "192.0.2.1",
    proto: "http",
    host: "a",
    requestId: "b",
    trusted: true,
    version: "1.1",
  } as const;
  const options = {
    credentialHeaders: ["token"],
    ownHeaders: new Set(["x-user"]),
    withheld: {
      headers: new Set(["token"]),
      cookies: new Set(["sid"]),
      queryFields: new Set<string>(),
      subprotocols: ["bearer"],
    },
    applicationHost: "app",
    addsForwarded: true,
    addsVia: true,
  };

  it("are no burden as header sections", () => {
    const names = [
      "connection",
      "cookie",
      "authorization",
      "token",
      "x-forwarded-for",
      "forwarded",
    ];
    const sections = [
      ...names.flatMap((name) => valueUnits.map((unit) => [name, repeat(unit), "host", "a"])),
      Array.from({ length }, (_, i) => (i % 2 === 0 ? "a" : "")),
      Array.from({ length }, (_, i) => (i % 4 === 0 ? "connection" : `x${i}`)),
      Array.from({ length }, (_, i) => (i % 2 === 0 ? "x-forwarded-for" : "a")),
    ];
    assertQuick(sections, (raw) => {
      const headers = new HeaderList(raw);
      requestHeaders(headers, facts, options);
      requestTrailers(raw, headers, options);
      responseHeaders({ status: 204, version: "1.1", headers: raw }, { httpVersion: "1.1" }, true);
      readCredential({ headers, target: "/" }, [
        { kind: "header", name: "token", scheme: undefined },
        { kind: "header", name: "authorization", scheme: "bearer" },
        { kind: "cookie", name: "sid" },
      ]);
    });
  });

  const jsonTexts = [
    `{"a":${repeat("[")}${repeat("]")}}`,
    `{"a":[${repeat("0,")}0]}`,
    `{"a":[${repeat('"",')}0]}`,
    `{"a":"${repeat("\\\\")}"}`,
    `{"a":"${repeat('\\"')}"}`,
    `{"a":${repeat(" ")}1}`,
    `{${Array.from({ length: length / 10 }, (_, i) => `"${i}":0`).join()}}`,
  ];

  it("are no burden as tokens", () => {
    const part = (text: string) => Buffer.from(text).toString("base64url");
    const tokens = jsonTexts.flatMap((text) => [
      `${part('{"alg":"RS256"}')}.${part(text)}.AAAA`,
      `${part(text)}.${part("{}")}.AAAA`,
    ]);
    assertQuick([...tokens, repeat("."), repeat("a.")], parseCompactJws);
    const claims = [...valueUnits, "\u00e9", "%"].map((unit) => `\u00e9${repeat(unit)}a`);
    assertQuick(claims, (text) =>
      claimHeaders(
        { a: text, b: [text] },
        new Map([
          ["a", "A"],
          ["b", "B"],
        ]),
      ),
    );
  });

  it("are no burden as bodies", () => {
    const json = new HeaderList(["Content-Type", "application/json"]);
    assertQuick(jsonTexts, (text) => {
      for (const fields of [
        readRequestFields(Buffer.from(text), json),
        readResponseFields(Buffer.from(text)),
      ]) {
        valuesOf(fields, { kind: "json", pointer: "/a/0" });
      }
    });
    const form = new HeaderList(["Content-Type", "application/x-www-form-urlencoded"]);
    assertQuick(
      ["&", "a=&", "a;", "[", "a[", " ", "+.", "%", "%5b", "a=b;a=c&"].map(repeat),
      (text) => valuesOf(readRequestFields(Buffer.from(text), form), { kind: "form", name: "a" }),
    );
  });
});
