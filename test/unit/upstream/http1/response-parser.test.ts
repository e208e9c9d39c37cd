import assert from "node:assert/strict";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { describe, it } from "node:test";
import { ResponseParser } from "../../../../src/upstream/http1/response-parser.ts";
import { fc } from "../../../helpers/fast-check.ts";

type Event =
  | readonly ["head", number, string, ...string[]]
  | readonly ["body" | "end", ...string[]];

interface Reading {
  readonly events: readonly Event[];
  readonly error: string | undefined;
  readonly persistent: boolean;
}

/** Reads pieces as one response; bodies are joined, since their pieces are nobody's business. */
function read(
  pieces: readonly string[],
  options: { method?: string; closes?: boolean } = {},
): Reading {
  const parser = new ResponseParser(1000);
  const events: Event[] = [];
  const chunks: Buffer[] = [];
  let ended: readonly string[] | undefined;
  let error: string | undefined;
  parser.expect(options.method ?? "GET", {
    onHead: ({ status, reason, headers }) => events.push(["head", status, reason, ...headers]),
    onWhole: (text) => {
      chunks.push(Buffer.from(text, "latin1"));
      ended = [];
    },
    onData: (chunk) => chunks.push(chunk),
    onEnd: (trailers) => {
      ended = trailers;
    },
  });
  // As from a connection: what comes next, for whomever, overwrites what came before.
  const received = Buffer.alloc(Math.max(0, ...pieces.map((piece) => piece.length)));
  try {
    for (const piece of pieces) {
      parser.read(received.subarray(0, received.write(piece, "latin1")));
      received.fill("~");
    }
    if (options.closes === true && parser.busy) parser.close();
  } catch (cause) {
    error = (cause as Error).message;
  }
  if (ended !== undefined) {
    events.push(["body", Buffer.concat(chunks).toString("latin1")], ["end", ...ended]);
  }
  return { events, error, persistent: parser.persistent && error === undefined };
}

const ok = "HTTP/1.1 200 OK\r\n";
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;

const whole: Record<string, [text: string, body: string, persistent: boolean]> = {
  "by length": [`${ok}Content-Length: 3\r\n\r\nabc`, "abc", true],
  "of no length": [`${ok}Content-Length: 0\r\n\r\n`, "", true],
  "in chunks": [`${chunked}3\r\nabc\r\n002\r\nde\r\n0\r\n\r\n`, "abcde", true],
  "in chunks with extensions": [`${chunked}3;a="b";c\r\nabc\r\n0;x\r\n\r\n`, "abc", true],
  "with chunk sizes in both cases": [
    `${chunked}a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`,
    "01234567890123456789",
    true,
  ],
  "in chunks with white space around extensions": [
    `${chunked}3 ; a="b"\r\nabc\r\n2 \t\r\nde\r\n0 ;x\r\n\r\n`,
    "abcde",
    true,
  ],
  "with leading zeros in its sizes": [
    `${ok}Content-Length: 00000000000000000003\r\n\r\nabc`,
    "abc",
    true,
  ],
  "in chunks with leading zeros in their sizes": [
    `${chunked}00000000000000000003\r\nabc\r\n00000000000000000000\r\n\r\n`,
    "abc",
    true,
  ],
  "with an empty element in its coding": [
    `${ok}Transfer-Encoding: , Chunked ,\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
    "x",
    true,
  ],
  "in HTTP/1.2": ["HTTP/1.2 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", true],
  "with bare line feeds throughout": [
    "HTTP/1.1 200 OK\nA: b\nContent-Length: 7\n\n\r\n\r\nxyz",
    "\r\n\r\nxyz",
    true,
  ],
  "in chunks with bare line feeds throughout": [
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3;a\n\r\nc\n1\nd\n0\n\n",
    "\r\ncd",
    true,
  ],
  "with a line end in the body": [`${ok}Content-Length: 4\r\n\r\n\r\n\r\n`, "\r\n\r\n", true],
  "of a connection that closes": [
    `${ok}Connection: close\r\nContent-Length: 1\r\n\r\nx`,
    "x",
    false,
  ],
  "of a connection that closes, among others": [
    `${ok}Connection: x, Close\r\nContent-Length: 1\r\n\r\nx`,
    "x",
    false,
  ],
  "in HTTP/1.0": ["HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "x", false],
  "in HTTP/1.0 that is kept": [
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    "x",
    true,
  ],
  "without a reason": ["HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x", true],
  "204": ["HTTP/1.1 204 No Content\r\n\r\n", "", true],
  "304 with the length of what it stands for": [
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "",
    true,
  ],
};

const refused: Record<string, [text: string, message: RegExp]> = {
  "two lengths that are equal": [`${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, /length/],
  "a list of lengths": [`${ok}Content-Length: 1, 1\r\n\r\nx`, /length/],
  "a length with a sign": [`${ok}Content-Length: +1\r\n\r\nx`, /length/],
  "a length beyond numbers": [`${ok}Content-Length: 9999999999999999\r\n\r\nx`, /length/],
  "a length and a coding": [
    `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx`,
    /two ways/,
  ],
  "a coding in HTTP/1.0": [
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    /two ways/,
  ],
  "a coding besides chunked": [`${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, /unknown/],
  "two codings": [
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    /two transfer/,
  ],
  "a bare line feed": ["HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx", /in two ways/],
  "a bare line feed in a value": [`${ok}A: b\nC: d\r\n\r\n`, /not HTTP|in two ways/],
  "a carriage return among bare line feeds": ["HTTP/1.1 200 OK\nA: b\r\n\nx", /in two ways/],
  "a bare line feed behind the size of a chunk": [`${chunked}1\nx\r\n0\r\n\r\n`, /./],
  "a bare line feed in an extension": [`${chunked}1;a\nb\r\nx\r\n0\r\n\r\n`, /./],
  "a line end of two bytes behind a chunk among bare ones": [
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\nx\r\n0\n\n",
    /longer/,
  ],
  "a folded line": [`${ok}A: b\r\n c\r\n\r\n`, /not HTTP/],
  "a space before the colon": [`${ok}A : b\r\n\r\n`, /not HTTP/],
  "a control byte": [`${ok}A: b\x0bc\r\n\r\n`, /not HTTP/],
  "HTTP/2": ["HTTP/2.0 200 OK\r\n\r\n", /not HTTP/],
  "chunked twice in one line": [`${ok}Transfer-Encoding: chunked, chunked\r\n\r\n`, /unknown/],
  "a coding that is empty": [`${ok}Transfer-Encoding: ,\r\n\r\n`, /unknown/],
  "white space in a chunk size": [`${chunked}1 1\r\nx\r\n`, /without a size/],
  "a status with a leading zero": ["HTTP/1.1 020 OK\r\n\r\n", /not HTTP/],
  "a status of four digits": ["HTTP/1.1 2000 OK\r\n\r\n", /not HTTP/],
  "too long a head": [`${ok}A: ${"x".repeat(1000)}\r\n\r\n`, /too long/],
  "a head without end": [`${ok}A: ${"x".repeat(2000)}`, /too long/],
  "something behind the end": [
    `${ok}Content-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n`,
    /after the end/,
  ],
  "something behind the last chunk": [`${chunked}0\r\n\r\nx`, /after the end/],
  "a body behind 204": ["HTTP/1.1 204 No Content\r\n\r\nx", /after the end/],
  "a chunk size that is none": [`${chunked}x\r\n`, /without a size/],
  "a chunk size with a prefix": [`${chunked}0x1\r\nx\r\n`, /without a size/],
  "a chunk size beyond numbers": [`${chunked}ffffffffffffff\r\n`, /without a size/],
  "a chunk size that is negative": [`${chunked}-1\r\n`, /without a size/],
  "a chunk size without end": [`${chunked}${"0".repeat(2000)}`, /chunk size/],
  "a chunk longer than its size": [`${chunked}1\r\nxy\r\n`, /longer/],
  "a bare line feed behind a chunk": [`${chunked}1\r\nx\n0\r\n\r\n`, /longer/],
  "trailers that are none": [`${chunked}0\r\nx\r\n\r\n`, /trailers/],
  "trailers without end": [`${chunked}0\r\nA: ${"x".repeat(2000)}`, /trailers/],
};

describe("a response", () => {
  for (const [what, [text, body, persistent]] of Object.entries(whole)) {
    it(`is read, whatever pieces it comes in: ${what}`, () => {
      const atOnce = read([text]);
      assert.equal(atOnce.error, undefined);
      assert.deepEqual(atOnce.events.slice(1), [["body", body], ["end"]]);
      assert.equal(atOnce.persistent, persistent);
      for (let i = 1; i < text.length; i += 1) {
        assert.deepEqual(read([text.slice(0, i), text.slice(i)]), atOnce, `cut at ${i}`);
      }
      assert.deepEqual(read([...text]), atOnce);
    });
  }

  for (const [what, [text, message]] of Object.entries(refused)) {
    it(`is refused, whatever pieces it comes in: ${what}`, () => {
      for (const pieces of [[text], [...text], [text.slice(0, 20), text.slice(20)]]) {
        const { error, persistent } = read(pieces);
        assert.match(error ?? "it was read", message);
        assert.equal(persistent, false);
      }
    });
  }

  const hopeless: Record<string, string> = {
    "no HTTP": "220 ready\r\n",
    "another protocol": "HTTX",
    "a bare line feed in its head": `${ok}A: b\n`,
    "a carriage return among bare line feeds": "HTTP/1.1 200 OK\nA: b\r",
    "a bare line feed behind the size of a chunk": `${chunked}5\n`,
    "a bare line feed in its trailers": `${chunked}0\r\nA: b\n`,
  };
  for (const [what, text] of Object.entries(hopeless)) {
    it(`is refused before its head is whole, as soon as it can't become one: ${what}`, () => {
      assert.match(read([text]).error ?? "it is waited for", /the application sent/);
    });
  }

  it("of HTTP/2 is told as such, since its bytes say nothing to whoever reads the log", () => {
    const settings = "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64";
    assert.match(read([settings]).error ?? "", /speaks HTTP\/2 only/);
    assert.match(read([`\x00\x00\x06\x09${settings.slice(4)}`]).error ?? "", /not HTTP\/1\.1/);
  });

  it("in tiny chunks is handed over read by read", () => {
    const parser = new ResponseParser(1000);
    const parts: Buffer[] = [];
    parser.expect("GET", {
      ...{ onHead() {}, onWhole() {}, onEnd() {} },
      onData: (part) => void parts.push(part),
    });
    parser.read(Buffer.from(`${chunked}${"1\r\nx\r\n".repeat(1000)}2\r\ny`));
    parser.read(Buffer.from(`z\r\n${"1\r\nx\r\n".repeat(1000)}0\r\n\r\n`));
    assert.equal(Buffer.concat(parts).toString(), `${"x".repeat(1000)}yz${"x".repeat(1000)}`);
    assert.equal(parts.length, 2);
  });

  it("keeps its lines as they were sent, less the white space around values", () => {
    const { events } = read([
      `${ok}B: \t b c \t\r\na:\r\nB:2\r\nX: \xff\r\nContent-Length: 0\r\n\r\n`,
    ]);
    const lines = ["B", "b c", "a", "", "B", "2", "X", "\xff", "Content-Length", "0"];
    assert.deepEqual(events[0], ["head", 200, "OK", ...lines]);
  });

  it("has the reason that it was sent with, without a line behind it too", () => {
    for (const lines of ["", "Content-Length: 0\r\n"])
      assert.deepEqual(read([`${ok}${lines}\r\n`], { closes: true }).events[0]?.slice(0, 3), [
        ...["head", 200, "OK"],
      ]);
  });

  it("has lines of at most 1,024 bytes about its chunks, whole or not", () => {
    const line = (bytes: number) => `3;${"x".repeat(bytes - 2)}`;
    const of = (bytes: number) => read([`${chunked}${line(bytes)}\r\nabc\r\n0\r\n\r\n`]).error;
    assert.equal(of(1024), undefined);
    assert.match(of(1025) ?? "", /too long a chunk size/);
    assert.equal(read([`${chunked}${line(1024)}`]).error, undefined);
    assert.match(read([`${chunked}${line(1025)}`]).error ?? "", /too long a chunk size/);
  });

  it("to HEAD ends with its head, whatever that says", () => {
    for (const framing of ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y"]) {
      const { events, error, persistent } = read([`${ok}${framing}\r\n\r\n`], { method: "HEAD" });
      assert.deepEqual([error, persistent, events.length], [undefined, true, 3]);
    }
  });

  it("comes behind interim ones", () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
    const { events } = read([`${hints}${hints}${ok}Content-Length: 1\r\n\r\nx`]);
    assert.deepEqual(
      events.map(([kind, status]) => [kind, status]),
      [
        ["head", 103],
        ["head", 103],
        ["head", 200],
        ["body", "x"],
        ["end", undefined],
      ],
    );
  });

  it("has trailers", () => {
    const { events } = read([`${chunked}0\r\nX-Sum: 42\r\nY: z\r\n\r\n`]);
    assert.deepEqual(events.at(-1), ["end", "X-Sum", "42", "Y", "z"]);
  });

  it("without a length ends with the connection, and no other does", () => {
    for (const pieces of [[`${ok}\r\nabc`], [`${ok}\r\na`, "b", "c"]]) {
      assert.deepEqual(read(pieces, { closes: true }).events.at(-2), ["body", "abc"]);
    }
    for (const cut of [
      `${ok}Content-Length: 4\r\n\r\nabc`,
      `${chunked}3\r\nabc\r\n`,
      `${chunked}0\r\n`,
      ok,
    ]) {
      assert.match(read([cut], { closes: true }).error ?? "", /before its answer was complete/);
    }
  });

  it("comes in one piece, head and all, where it is short and all there", () => {
    const told = (text: string, method = "GET") => {
      const calls: string[] = [];
      const parser = new ResponseParser(1000);
      parser.expect(method, {
        onHead: (_, more) => calls.push(more ? "head and more" : "head"),
        onWhole: (body) => calls.push(`whole of ${body.length}`),
        onData: (chunk) => calls.push(`data of ${chunk.length}`),
        onEnd: () => calls.push("end"),
      });
      parser.read(Buffer.from(text, "latin1"));
      return calls;
    };
    const sized = (bytes: number) => `${ok}Content-Length: ${bytes}\r\n\r\n${"x".repeat(bytes)}`;
    assert.deepEqual(told(sized(3)), ["head and more", "whole of 3"]);
    assert.deepEqual(told(sized(0)), ["head and more", "whole of 0"]);
    assert.deepEqual(told(`${ok}Content-Length: 3\r\n\r\n`, "HEAD"), [
      "head and more",
      "whole of 0",
    ]);
    assert.deepEqual(told(sized(16_383)), ["head and more", "whole of 16383"]);
    assert.deepEqual(told(sized(16_384)), ["head and more", "data of 16384", "end"]);
    assert.deepEqual(told(sized(3).slice(0, -1)), ["head and more", "data of 2"]);
    assert.deepEqual(told(sized(3).slice(0, -3)), ["head"]);
    assert.deepEqual(told(`${chunked}1\r\nx\r\n0\r\n\r\n`), ["head and more", "data of 1", "end"]);
  });

  it("says for how long its connection is kept", () => {
    const parser = new ResponseParser(1000);
    const nobody = { onHead() {}, onWhole() {}, onData() {}, onEnd() {} };
    parser.expect("GET", nobody);
    parser.read(Buffer.from(`${ok}Keep-Alive: max=3, timeout=5\r\nContent-Length: 0\r\n\r\n`));
    assert.equal(parser.keepAliveSeconds, 5);
  });

  it("of random bytes never throws anything but an error of the application", () => {
    const part = fc.constantFrom(
      ok,
      chunked,
      "\r\n",
      "\r",
      "\n",
      "0",
      "3",
      "abc",
      ":",
      "A: b\r\n",
      "Content-Length: 3\r\n",
      "HTTP/1.1 ",
      "\0",
      " ",
      ";",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.nat(40), (parts, cut) => {
        const text = parts.join("");
        const atOnce = read([text], { closes: true });
        const inPieces = read(
          [text.slice(0, cut), text.slice(cut)].filter((piece) => piece !== ""),
          { closes: true },
        );
        assert.deepEqual(inPieces.events, atOnce.events);
        assert.equal(inPieces.error === undefined, atOnce.error === undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes nothing in a head that Node would refuse to send on", () => {
    const accepted = (head: string) =>
      read([`${head}\r\nContent-Length: 0\r\n\r\n`]).error === undefined;
    const wouldSend = (check: () => void) => {
      try {
        check();
        return true;
      } catch {
        return false;
      }
    };
    for (let code = 0; code < 256; code += 1) {
      const byte = String.fromCharCode(code);
      const inName = wouldSend(() => validateHeaderName(`X${byte}y`));
      const inValue = wouldSend(() => validateHeaderValue("X", `a${byte}b`));
      assert.equal(
        accepted(`HTTP/1.1 200 OK\r\nX${byte}y: z`),
        inName || byte === ":",
        `name, ${code}`,
      );
      assert.equal(accepted(`HTTP/1.1 200 OK\r\nX: a${byte}b`), inValue, `value, ${code}`);
      assert.equal(accepted(`HTTP/1.1 200 O${byte}K`), inValue, `reason, ${code}`);
    }
  });
});
