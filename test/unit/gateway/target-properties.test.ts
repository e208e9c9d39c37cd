import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, it } from "node:test";
import { readTarget } from "../../../src/gateway/target.ts";
import { fc } from "../../helpers/fast-check.ts";

/** Pieces out of which paths are put together that parsers have been known to disagree on. */
const pieces = fc.constantFrom(
  ...[
    "/",
    "//",
    "\\",
    ".",
    "..",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "%00",
    "%25",
    "%252f",
    "%c0%af",
    "%ff",
  ],
  ...[
    ";",
    ";a=b",
    "%3b",
    "?",
    "%3f",
    "#",
    "%23",
    "a",
    "admin",
    "Login",
    "%61",
    "~",
    "%7e",
    "%32",
    "%66",
    "é",
    " ",
    "\t",
  ],
  ...["%", "%2", "%u002f", "'", '"', "<", "{", "|", "^", "`", "@", ":", "*", "%0d%0a", "\u0000"],
);
const targets = fc.array(pieces, { maxLength: 8 }).map((parts) => `/${parts.join("")}`);
const runs = { numRuns: 20_000 };

const accepted = (property: (sent: string, path: string, contested: boolean) => void) =>
  fc.property(targets, (text) => {
    const target = readTarget(text, { allowEncodedSlash: false });
    if (target !== undefined) property(target.sent, target.path, target.contested);
  });

describe("every target that is accepted", () => {
  it("means the same path to the URL parser of the WHATWG", () => {
    fc.assert(
      accepted((sent) => {
        const parsed = new URL(`http://host${sent}`).pathname;
        assert.equal(decodeURIComponent(parsed), decodeURIComponent(sent));
      }),
      runs,
    );
  });

  it("stays what it is when a file system normalises it", () => {
    fc.assert(
      accepted((sent) => {
        const decoded = decodeURIComponent(sent);
        assert.equal(posix.normalize(decoded), decoded);
      }),
      runs,
    );
  });

  it("decodes once: decoding again changes nothing that could be a separator", () => {
    fc.assert(
      accepted((_sent, path) => {
        const once = decodeURIComponent(path);
        assert.doesNotMatch(once, /%(?:2f|5c|2e|00|3b|3f|23)/i);
        assert.equal(once.split("/").length, path.split("/").length);
      }),
      runs,
    );
  });

  it("is read the same when its canonical path is read again", () => {
    fc.assert(
      accepted((_sent, path) => {
        const again = readTarget(path, { allowEncodedSlash: false });
        assert.equal(again?.path, path);
      }),
      runs,
    );
  });

  it("holds `;` in some form if a servlet container would take parameters off it", () => {
    fc.assert(
      accepted((sent, _path, contested) => {
        if (decodeURIComponent(sent).includes(";")) assert.equal(contested, true);
      }),
      runs,
    );
  });
});
