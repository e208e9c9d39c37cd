import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notesOn } from "../../../src/config/notes.ts";
import { configSchema } from "../../../src/config/schema.ts";

const tokens = { keys: [{ publicKeyFile: "a.pem" }] };

/** The notes of a configuration, each with its setting. */
function notesFor(settings: object): string[] {
  return notesOn(configSchema.parse({ tokens, ...settings })).map(
    ({ path, message }) => `${path.join(".")}: ${message}`,
  );
}

const call = { path: "/demo.Shop/Logout", methods: ["POST"], revoke: "token" };

describe("what an operator is told of HTTP/2 and gRPC", () => {
  it("is nothing if all of it works", () => {
    for (const settings of [
      {},
      { routes: [call] },
      { upstream: { protocol: "http2" }, routes: [call] },
      { listen: { http2: false }, upstream: { protocol: "http1" } },
      { limits: { streams: 1000 } },
      { decisions: { question: "ext_authz" }, errors: { status: { token_expired: 403 } } },
      // Another way to write paths with dots.
      { listen: { http2: false }, routes: [{ path: "/api.v2/users", stream: true }] },
    ]) {
      assert.deepEqual(
        notesFor(settings).filter((note) => !note.startsWith("decisions:")),
        [],
      );
    }
  });

  it("is that a limit of streams has no effect", () => {
    const streams = { streams: 50 };
    assert.match(
      notesFor({ listen: { http2: false }, limits: streams })[0] ?? "",
      /^limits\.streams: does nothing: .*listen\.http2: false/,
    );
    assert.match(
      notesFor({ limits: { ...streams, maxConnections: 10 } })[0] ?? "",
      /^limits\.streams: limits\.maxConnections \(10\) bounds .* no connection reaches 50$/,
    );
  });

  it("is that calls of gRPC cannot come, or cannot arrive", () => {
    assert.match(
      notesFor({ listen: { http2: false }, routes: [call] })[0] ?? "",
      /^routes\.0: looks like a gRPC call, which needs HTTP\/2 \(listen\.http2: false\)/,
    );
    assert.match(
      notesFor({ upstream: { protocol: "http1" }, routes: [{ path: "/" }, call] })[0] ?? "",
      /^routes\.1: .* to the application, too \(upstream\.protocol: http1\)/,
    );
    const all = { path: "/demo.Shop/*", methods: ["GET"] };
    assert.match(
      notesFor({ routes: [all] })[0] ?? "",
      /^routes\.0\.methods: .* never matches one$/,
    );
  });

  it("is which settings of a rule do nothing for calls of gRPC", () => {
    const success = { responseJson: "/code", in: [0] };
    const notes = notesFor({ routes: [{ ...call, success, stream: true }] });
    assert.deepEqual(
      notes.map((note) => note.split(":", 1)[0]),
      ["routes.0.success", "routes.0.stream"],
    );
    for (const more of [
      { from: [{ requestJson: "/token" }] },
      { when: { requestJson: "/all" } },
      { alsoRevoke: [{ form: "refresh" }] },
      { revoke: undefined, handsOut: [{ responseJson: "/token" }] },
    ]) {
      const said = notesFor({ routes: [{ ...call, ...more }] });
      assert.ok(
        said.some((note) => /^routes\.0: .* no JSON/.test(note)),
        said.join(),
      );
    }
    assert.deepEqual(notesFor({ routes: [{ ...call, alsoRevoke: [{ header: "refresh" }] }] }), []);
  });

  it("is that WebSockets stay on HTTP/1.1 to an application over HTTP/2", () => {
    const firstMessage = { protocol: "graphql", token: "/payload/token" };
    const routes = [{ path: "/" }, { path: "/ws", methods: ["GET"], firstMessage }];
    assert.match(
      notesFor({ upstream: { protocol: "http2" }, routes })[0] ?? "",
      /^routes\.1\.firstMessage: .* both protocols on one port$/,
    );
    assert.deepEqual(notesFor({ routes }), []);
  });

  it("is that Envoy does not know a status", () => {
    const question = "ext_authz";
    const known = (settings: object) =>
      notesFor({ decisions: { question }, ...settings }).filter((note) =>
        note.includes("Envoy knows"),
      );
    assert.match(
      known({ errors: { status: { token_expired: 419, token_missing: 401 } } })[0] ?? "",
      /^errors\.status\.token_expired: Envoy knows no status 419/,
    );
    assert.match(known({ errors: { status: 499 } })[0] ?? "", /^errors\.status: /);
    assert.deepEqual(known({ errors: { status: 422 } }), []);
    assert.deepEqual(known({ decisions: {}, errors: { status: 499 } }), []);
  });
});
