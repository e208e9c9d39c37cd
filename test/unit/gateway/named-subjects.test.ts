import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { subjectsInRequest } from "../../../src/gateway/named-subjects.ts";
import type { Route } from "../../../src/gateway/route.ts";
import type { Visit } from "../../../src/gateway/visit.ts";
import { readRequestFields } from "../../../src/http/body-fields.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import { plainNames } from "../../../src/token/names.ts";
import { makeToken } from "../../helpers/tokens.ts";

const source = { kind: "query", name: "who" } as const;
const nameOf = (text: string) => plainNames.claim("sub", undefined, text)?.value;

/** What a request to a route names by its query. */
function named(query: string, claim?: string) {
  const from = {
    source,
    namespace: undefined,
    ifUnknown: "keep",
    ...(claim && { claim }),
  } as const;
  const route: Route = { access: "public", revoke: "subject", subjectsFrom: [from] };
  const visit = { headers: new HeaderList([]), target: `/x${query}` } as unknown as Visit;
  return subjectsInRequest(route, visit, plainNames).map(({ name }) => name?.value);
}

describe("a subject that a request names", () => {
  it("is the text itself, or a claim of the token there", () => {
    assert.deepEqual(named("?who=alice"), [nameOf("alice")]);
    const token = makeToken({ sub: "bob", id: 42 });
    assert.deepEqual(named(`?who=${token}`, "id"), [nameOf("42")]);
    assert.deepEqual(named(`?who=${token}`), [nameOf(token)]);
  });

  it("is what its field says, or what a lenient application takes for it", () => {
    const inBody = (type: string, text: string) => {
      const lines = ["Content-Type", `application/${type}`];
      const fields = readRequestFields(Buffer.from(text), new HeaderList(lines));
      const visit = { headers: new HeaderList(lines), target: "/x", body: { fields } };
      const from = { source: { kind: "form", name: "who" }, namespace: undefined } as const;
      const route: Route = {
        ...{ access: "public", revoke: "subject" },
        subjectsFrom: [{ ...from, ifUnknown: "keep" }],
      };
      return subjectsInRequest(route, visit as unknown as Visit, plainNames)[0]?.name?.value;
    };
    assert.equal(inBody("x-www-form-urlencoded", "who=alice"), nameOf("alice"));
    assert.equal(inBody("json", '{"WHO":["bob"]}'), nameOf("bob"));
    assert.equal(inBody("x-www-form-urlencoded", "who=alice&WHO=bob"), undefined);
  });

  it("is unknown if it is not there, or no token has the claim", () => {
    assert.deepEqual(named(""), [undefined]);
    assert.deepEqual(named("?who=alice", "id"), [undefined]);
    assert.deepEqual(named(`?who=${makeToken()}`, "id"), [undefined]);
  });
});
