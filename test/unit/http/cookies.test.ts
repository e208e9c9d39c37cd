import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  cookieValues,
  decodeCookieValue,
  setCookieValues,
  withoutCookies,
} from "../../../src/http/cookies.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const valuesIn = (...cookies: string[]) =>
  cookieValues(new HeaderList(cookies.flatMap((cookie) => ["Cookie", cookie])), "session");

describe("cookies", () => {
  it("are read from every Cookie line, and all values of a name are told", () => {
    assert.deepEqual(valuesIn("a=1; session=x; b=2", "session=y"), ["x", "y"]);
    assert.deepEqual(valuesIn('session="x=1"'), ["x=1"]);
    assert.deepEqual(valuesIn(" session = x ;session=x"), ["x", "x"]);
    assert.deepEqual(valuesIn("session; session=; sessions=x; xsession=x; a=session"), []);
    assert.deepEqual(valuesIn('session="Bearer x, y"; b="a c=d, e=f"'), ["Bearer x, y"]);
    assert.deepEqual(valuesIn(), []);
  });

  it("are nobody's if some parser finds one where others do not", () => {
    for (const cookies of [
      "Session=x",
      "sess%69on=x",
      "a=b session=x",
      "a=b, session=x",
      "a=b,session = x",
      'a="b session=x"',
      "$Version=1, session=x",
      "session=x; a=b session=y",
    ]) {
      const values = valuesIn(cookies);
      assert.deepEqual(values, ["", ""], cookies);
      assert.equal(withoutCookies(cookies, new Set(["session"])), undefined, cookies);
    }
    // As PHP has it.
    for (const name of ["my.id", "my id", "my[id", "MY_ID"]) {
      const headers = new HeaderList(["Cookie", `${name}=x`]);
      assert.deepEqual(cookieValues(headers, "my_id"), ["", ""], name);
    }
  });

  it("are nobody's if there are more than 1,000, and all are taken out", () => {
    const cookies = (count: number) =>
      ["session=x", ...Array.from({ length: count - 1 }, (_, i) => `c${i}=1`)].join("; ");
    const names = new Set(["session"]);
    assert.deepEqual(valuesIn(cookies(1000)), ["x"]);
    assert.equal(withoutCookies(cookies(1000), names), cookies(1000).replace("session=x; ", ""));
    assert.deepEqual(valuesIn(cookies(1001)), ["", ""]);
    assert.deepEqual(valuesIn(cookies(600), cookies(600).replace("session", "other")), ["", ""]);
    assert.deepEqual(valuesIn(`session=x; a${"=".repeat(2000)}`), ["", ""]);
    assert.equal(withoutCookies(cookies(1001), names), undefined);
    assert.equal(withoutCookies(cookies(1001), new Set()), cookies(1001));
  });

  it("are taken out by name, and the rest stays as it was sent", () => {
    const names = new Set(["session"]);
    assert.equal(withoutCookies("a=1;  session=x; b=2", names), "a=1; b=2");
    assert.equal(withoutCookies("a=1;b=2", names), "a=1;b=2");
    assert.equal(withoutCookies("session=x; session", names), undefined);
    // Whatever is read as the cookie is taken out.
    assert.equal(withoutCookies('b=1; session = "x"', names), "b=1");
  });

  it("are decoded where that has one outcome", () => {
    assert.equal(decodeCookieValue("a%2Eb"), "a.b");
    assert.equal(decodeCookieValue("a%"), "a%");
  });

  it("that an answer takes away are given no value", () => {
    const given = (...lines: string[]) =>
      setCookieValues(new HeaderList(lines.flatMap((line) => ["Set-Cookie", line])), "s");
    assert.deepEqual(given("s=a; Path=/", "t=b", "s=c; Max-Age=60; HttpOnly", "s="), ["a", "c"]);
    for (const attributes of [
      "max-age=0",
      "Max-Age=-1; Expires=Fri, 31 Dec 2100 00:00:00 GMT",
      "expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/",
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "Max-Age=60; Max-Age=0",
    ]) {
      assert.deepEqual(given(`s=deleted; ${attributes}`), [], attributes);
    }
    for (const attributes of [
      "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60",
      "Max-Age=soon",
      "Expires=soon",
      `Expires=${new Date().toUTCString()}`,
    ]) {
      assert.deepEqual(given(`s=a; ${attributes}`), ["a"], attributes);
    }
  });
});
