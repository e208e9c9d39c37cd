import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import {
  createResponder,
  type RefusalContext,
  type ResponderOptions,
} from "../../../src/gateway/respond.ts";
import type { RefusalReason } from "../../../src/gateway/verdict.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";
import type { Client } from "../../../src/node-http/answer.ts";

const options: ResponderOptions = {
  ...{ language: "en", messages: {} },
  body: '{"error":${error},"message":${message}}',
};

function contextOf(
  lines: readonly string[] = [],
  more: Partial<RefusalContext> = {},
): RefusalContext {
  return {
    ...{ requestId: "id", mayOmitToken: false, refusedCredential: undefined, messages: undefined },
    ...{ request: { method: "GET", headers: new HeaderList(lines) }, corsHeaders: [] },
    ...more,
  };
}

function refusalOf(reason: RefusalReason, lines: readonly string[] = [], more = {}, changes = {}) {
  const responder = createResponder({ ...options, ...changes });
  const { status, headers, body } = responder.refusalFor(reason, contextOf(lines, more));
  const fieldOf = (name: string) => headers[headers.indexOf(name) + 1];
  return {
    status,
    type: headers.includes("Content-Type") ? fieldOf("Content-Type") : undefined,
    challenge: headers.includes("WWW-Authenticate"),
    retry: headers.includes("Retry-After"),
    body: JSON.parse(body === "" ? "{}" : Buffer.from(body, "latin1").toString()) as object,
  };
}

describe("a refusal", () => {
  it("has its challenge with a 401 alone, and says when to come again unless it looks like a success", () => {
    const missing = refusalOf("token_missing");
    assert.deepEqual([missing.status, missing.challenge, missing.retry], [401, true, false]);
    const away = refusalOf("denylist_unavailable");
    assert.deepEqual([away.status, away.challenge, away.retry], [503, false, true]);
    const masked = { status: 200 };
    assert.equal(refusalOf("token_missing", [], {}, masked).challenge, false);
    assert.equal(refusalOf("denylist_unavailable", [], {}, masked).retry, false);
    assert.equal(refusalOf("revocation_pending", [], {}, masked).status, 503);
  });

  it("is worded for the route, in its language, and for who may do without a token", () => {
    const message = (reason: RefusalReason, lines: string[] = [], more = {}, changes = {}) =>
      (refusalOf(reason, lines, more, changes).body as { message: string }).message;
    assert.equal(message("token_missing"), "Token is missing.");
    const route = { messages: { token_missing: { en: "Administrators only." } } };
    assert.equal(message("token_missing", [], route), "Administrators only.");
    assert.equal(message("token_revoked", [], route), "Please log in again.");
    const auto = { language: "auto" };
    assert.equal(message("token_missing", ["Accept-Language", "zh"], {}, auto), "token缺失!");
    assert.equal(message("token_missing", ["Accept-Language", "zh"]), "Token is missing.");
    const guest = message("token_expired", [], { mayOmitToken: true });
    assert.notEqual(guest, message("token_expired"));
    assert.ok(guest.length > message("token_expired").length, guest);
  });

  it("has the request's id in its body if it is asked for, each time anew", () => {
    const body = '{"id":${requestId}}';
    const responder = createResponder({ ...options, body });
    const idOf = (requestId: string) =>
      responder.refusalFor("token_missing", contextOf([], { requestId })).body;
    assert.deepEqual([idOf("a"), idOf("b")], ['{"id":"a"}', '{"id":"b"}']);
  });

  it("is a problem for clients that accept one, and a page for browsers", () => {
    const problem = refusalOf("token_missing", ["Accept", "application/problem+json"]);
    assert.match(problem.type ?? "", /^application\/problem\+json/);
    assert.match(refusalOf("token_missing").type ?? "", /^application\/json/);
    const html = { html: { redirect: "/login", clearCookies: [] } };
    assert.equal(refusalOf("token_missing", ["Accept", "text/html"], {}, html).status, 302);
  });
});

describe("sending a refusal", () => {
  const answer = (state: object) => {
    const said: string[] = [];
    const client = {
      ...{ gone: false, begun: false, ...state },
      endConnection: () => said.push("close"),
      sendPrepared: (_: unknown, more: readonly string[]) => said.push(more.join(" ")),
      sendWhole: ({ headers }: { headers: readonly string[] }) => said.push(headers.join(" ")),
      stream: {},
    };
    return { client: client as unknown as Client, said };
  };
  const send = (client: Client, reason: RefusalReason, more: Partial<RefusalContext> = {}) =>
    createResponder(options).sendRefusal(client, reason, contextOf([], more));

  it("says the id and what a page of another origin needs, and closes what may be out of step", () => {
    const { client, said } = answer({});
    send(client, "token_missing", { corsHeaders: ["A", "b"] });
    send(client, "request_ambiguous");
    assert.deepEqual(said, ["X-Request-Id id A b", "close", "X-Request-Id id"]);
  });

  it("does nothing for a client that has left, or has an answer", () => {
    for (const state of [{ gone: true }, { begun: true }]) {
      const { client, said } = answer(state);
      send(client, "request_ambiguous");
      assert.deepEqual(said, []);
    }
  });

  it("ends a connection without an answer, unless it can't be written to", async () => {
    const socketAfter = (change: (socket: Duplex) => void) => {
      const written: string[] = [];
      const socket = new Duplex({
        read() {},
        write(chunk: Buffer, _, done) {
          written.push(chunk.toString("latin1"));
          done();
        },
      });
      change(socket);
      send(socket as Client, "token_missing");
      return { written, socket };
    };
    const sent = socketAfter(() => {});
    const [head = "", body = ""] = sent.written;
    assert.match(
      head,
      /^HTTP\/1\.1 401 Unauthorized\r\n[\s\S]*X-Request-Id: id\r\nConnection: close\r\n\r\n$/,
    );
    assert.match(body, /token_missing/);
    await once(sent.socket, "close");
    assert.deepEqual(socketAfter((socket) => socket.destroy()).written, []);
    assert.deepEqual(socketAfter((socket) => socket.end()).written, []);
  });
});
