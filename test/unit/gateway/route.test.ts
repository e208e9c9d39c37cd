import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endsByCutOff, type Route, readsResponse } from "../../../src/gateway/route.ts";

const plain: Route = { access: "protected", revoke: undefined };
const member = { kind: "responseJson", pointer: "/token" } as const;
const cookie = { kind: "responseCookie", name: "token" } as const;
const subject = { namespace: undefined, ifUnknown: "keep" } as const;

describe("a route", () => {
  it("reads the answer's body if anything that it names may be there, and only then", () => {
    const reading: Partial<Route>[] = [
      { handsOut: [cookie, member] },
      { sparing: { sent: [], handedOut: [member] } },
      { subjectsFrom: [{ ...subject, source: { kind: "responseJson", pointer: "/id" } }] },
    ];
    for (const each of reading)
      assert.equal(readsResponse({ ...plain, ...each }), true, JSON.stringify(each));
    const others: Partial<Route>[] = [
      {},
      { handsOut: [cookie] },
      { sparing: { sent: [], handedOut: [cookie] } },
      { subjectsFrom: [{ ...subject, source: { kind: "json", pointer: "/id" } }] },
      { success: [{ statuses: [[200, 299]], member: undefined }] },
    ];
    for (const each of others)
      assert.equal(readsResponse({ ...plain, ...each }), false, JSON.stringify(each));
  });

  it("ends by a cut-off what was issued to a subject", () => {
    const ends = (route: Partial<Route>) => endsByCutOff({ ...plain, ...route });
    assert.deepEqual(
      [
        ends({ revoke: "subject" }),
        ends({ revoke: "others" }),
        ends({ only: "latest" }),
        ends({ revoke: "session" }),
        ends({ revoke: "token" }),
        ends({}),
      ],
      [true, true, true, false, false, false],
    );
  });
});
