import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startApplication } from "../helpers/application.ts";
import { startGate } from "../helpers/gate.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";

const yaml = `
routes:
  - { path: /graphql, methods: [GET, POST], access: optional }
  - { path: /graphql, graphql: { mutation: [refresh, drop] }, refuse: true }
  - { path: /users, methods: [PATCH], when: { requestJson: /data/password }, refuse: true }
  - { path: /old/*, refuse: true }
`;

describe("a rule with refuse", () => {
  it("keeps the operations that it names from the application, in whatever form, and no others", async (t) => {
    const seen: string[] = [];
    const application = await startApplication(t, (request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end("{}");
    });
    const gate = await startGate(t, { upstream: application.url, yaml });
    const token = makeToken();
    const ask = async (method: string, path: string, body?: string, type = "application/json") => {
      const headers = { token, ...(body !== undefined && { "content-type": type }) };
      const { status, json } = await send(gate.url + path, {
        ...{ method, headers },
        ...(body !== undefined && { body }),
      });
      return status === 200 ? "passes" : `${status} ${json["error"]}`;
    };
    const query = (text: string) => JSON.stringify({ query: text });
    const refused: Parameters<typeof ask>[] = [
      ["POST", "/graphql", query("mutation { refresh(token: 1) }")],
      ["POST", "/graphql", query("mutation { a: b, c: drop }")],
      ["POST", "/graphql", query("mutation { ...f } fragment f on Mutation { refresh }")],
      ["POST", "/graphql", `[${query("{ me }")},${query("mutation { refresh }")}]`],
      ["POST", "/GraphQL/", query("mutation { refresh }")],
      ["GET", `/graphql?query=${encodeURIComponent("mutation { refresh }")}`],
      ["POST", "/graphql", JSON.stringify({ id: "persisted" })],
      ["POST", "/graphql", "query=mutation{refresh}", "application/x-www-form-urlencoded"],
      ["PATCH", "/users", JSON.stringify({ data: { password: "x" } })],
      ["PATCH", "/users", JSON.stringify({ data: { Password: "x" } })],
      ["GET", "/old/page"],
    ];
    for (const [method, path, body, type] of refused) {
      const told = await ask(method, path, body, type);
      assert.equal(told, "400 request_ambiguous", `${method} ${path} ${body}`);
    }
    assert.deepEqual(seen, []);
    const passing: Parameters<typeof ask>[] = [
      ["POST", "/graphql", query("query { refresh }")],
      ["POST", "/graphql", query("mutation { renamed: login }")],
      ["GET", `/graphql?query=${encodeURIComponent("{ me }")}`],
      ["PATCH", "/users", JSON.stringify({ data: { name: "x" } })],
      ["GET", "/older"],
    ];
    for (const one of passing) assert.equal(await ask(...one), "passes", one.join(" "));
    assert.equal(seen.length, passing.length);
  });
});
