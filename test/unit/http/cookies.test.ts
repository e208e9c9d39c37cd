import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cookieValues, decodeCookieValue, withoutCookies } from "../../../src/http/cookies.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const valuesIn = (...cookies: string[]) =>
  cookieValues(new HeaderList(cookies.flatMap((cookie) => ["Cookie", cookie])), "session");

describe("cookies", () => {
  it("are read from every Cookie line, and all values of a name are told", () => {
    assert.deepEqual(valuesIn("a=1; session=x; b=2", "session=y"), ["x", "y"]);
    assert.deepEqual(valuesIn('session="x=1"'), ["x=1"]);
    assert.deepEqual(valuesIn(" session = x ;session=x"), ["x", "x"]);
    assert.deepEqual(valuesIn("session; session=; sessions=x; Session=x; xsession=x"), []);
    assert.deepEqual(valuesIn(), []);
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
});
