import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readRequestFields, valuesOf } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { readMultipart } from "../../../src/http/multipart.ts";

const type = "multipart/form-data; boundary=xyz";
const part = (name: string, value: string, more = "") =>
  `--xyz\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const end = "--xyz--\r\n";
const read = (body: string, contentType = type) =>
  readMultipart(Buffer.from(body), contentType)?.map(([name, value]) => `${name}=${value}`);

describe("readMultipart", () => {
  it("reads the fields that browsers and libraries send", async () => {
    assert.deepEqual(read(`${part("a", "1")}${part("ü", "x\r\ny")}${end}`), ["a=1", "ü=x\r\ny"]);
    const typed = `--xyz\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n1\r\n${end}`;
    assert.deepEqual(read(typed), ["a=1"]);
    const form = new FormData();
    form.set("refresh", "abc");
    form.set("file", new Blob([Buffer.from([0, 255, 13, 10, 45, 45])]), "b.bin");
    const sent = new Response(form);
    const bytes = Buffer.from(await sent.arrayBuffer());
    const fields = readMultipart(bytes, sent.headers.get("content-type") ?? "");
    assert.deepEqual(
      fields?.map(([name]) => name),
      ["refresh", "file"],
    );
    assert.equal(fields?.[0]?.[1], "abc");
  });

  it("takes no file for a text", () => {
    assert.deepEqual(read(`${part("a", "secret", '; filename="x"')}${end}`), ["a=file"]);
  });

  const one = part("a", "1");
  const twice: Record<string, [body: string, type?: string]> = {
    "text before the first boundary": [`x\r\n${one}${end}`],
    "text behind the last": [`${one}${end}x`],
    "no end": [one],
    "bare line feeds": [`${one}${end}`.replaceAll("\r\n", "\n")],
    "a line feed in a head": [`${one.replace("form-data", "form-data;\n")}${end}`],
    "a folded header": [`${one.replace("; name", ";\r\n name")}${end}`],
    "a second disposition": [
      `${one.replace("\r\n\r\n", '\r\nContent-Disposition: form-data; name="b"\r\n\r\n')}${end}`,
    ],
    "a transfer coding": [
      `${one.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n")}${end}`,
    ],
    "another charset": [
      `${one.replace("\r\n\r\n", "\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n")}${end}`,
    ],
    "name*": [`${one.replace('name="a"', "name*=utf-8''a")}${end}`],
    "a name without quotation marks": [`${one.replace('"a"', "a")}${end}`],
    "an escaped name": [`${part("a%22b", "1")}${end}`],
    "a backslash in a name": [`${part("a\\", "1")}${end}`],
    _charset_: [`${part("_charset_", "utf-16")}${end}`],
    "a boundary with something behind": [`${one.replace("--xyz", "--xyz ")}${end}`],
    "two boundaries": [`${one}${end}`, "multipart/form-data; boundary=xyz; boundary=abc"],
    "no boundary": [`${one}${end}`, "multipart/form-data"],
    "a charset of all": [`${one}${end}`, `${type}; charset=utf-16`],
  };
  for (const [what, [body, contentType]] of Object.entries(twice)) {
    it(`reads nothing where there is ${what}`, () => {
      assert.equal(read(body, contentType), undefined);
    });
  }

  it("reads nothing that is no UTF-8, or has too many parts", () => {
    const bytes = Buffer.from(`${one}${end}`.replace("1", "\xff"), "latin1");
    assert.equal(readMultipart(bytes, type), undefined);
    assert.equal(read(`${one.repeat(201)}${end}`), undefined);
  });
});

describe("a field of a multipart form", () => {
  const values = (body: string, name = "token") =>
    valuesOf(readRequestFields(Buffer.from(body), new HeaderList(["Content-Type", type])), {
      kind: "form",
      name,
    });

  it("is found by its name, and has several readings where names are alike", () => {
    assert.deepEqual(values(`${part("token", "abc")}${end}`), ["abc"]);
    assert.deepEqual(values(`${part("other", "abc")}${end}`), []);
    for (const other of ["token", "Token", "token[]", "token "]) {
      const body = `${part("token", "abc")}${part(other, "def")}${end}`;
      assert.equal(values(body).length, 2, other);
    }
    assert.equal(values(`x${end}`).length, 2);
  });
});
