import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notesOn } from "../../../src/config/notes.ts";
import { configSchema } from "../../../src/config/schema.ts";

function notesFor(path: string, place: object): string[] {
  const tokens = { keys: [{ publicKeyFile: "a.pem" }] };
  const rule = { path, methods: ["POST"], access: "public", session: "begins", handsOut: [place] };
  const notes = notesOn(configSchema.parse({ tokens, routes: [rule] }));
  return notes
    .filter(({ message }) => message.includes("GraphQL"))
    .map((note) => note.path.join("."));
}

describe("what an operator is told of GraphQL", () => {
  it("is that its clients choose where tokens stand in an answer", () => {
    const place = { responseJson: "/data/auth_login/refresh_token" };
    assert.deepEqual(notesFor("/graphql/system", place), ["routes.0.handsOut"]);
    assert.deepEqual(notesFor("/api/GraphQL", place), ["routes.0.handsOut"]);
    assert.deepEqual(notesFor("/auth/login", place), []);
    assert.deepEqual(notesFor("/graphql", { responseCookie: "session" }), []);
  });
});
