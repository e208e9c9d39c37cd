import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { notesOnAccess } from "../../../src/config/access-notes.ts";
import { configSchema } from "../../../src/config/schema.ts";

function notesFor(settings: object): string[] {
  const tokens = { keys: [{ publicKeyFile: "a.pem" }] };
  const notes = notesOnAccess(configSchema.parse({ tokens, ...settings }));
  return notes.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

const open = { path: "/users/{id}", methods: ["GET"], access: "public" };
const own = { path: "/users/me", methods: ["GET"], access: "protected" };

describe("what an operator is told of who gets in", () => {
  it("is that a protected rule decides nothing behind an open one that matches all of it", () => {
    const notes = notesFor({ routes: [open, own] });
    assert.match(notes[0] ?? "", /^routes\.1: it decides nothing: routes\[0\] comes first/);
    assert.equal(notes.length, 1);
    for (const routes of [
      [{ ...open, access: "optional" }, own],
      [
        { ...open, methods: undefined },
        { ...own, methods: undefined },
      ],
      [
        { ...open, path: "/users/*" },
        { ...own, path: "/users/{id}/mail/*" },
      ],
    ]) {
      assert.equal(notesFor({ routes }).length, 1, JSON.stringify(routes));
    }
    for (const routes of [
      [own, open],
      [open, { ...own, refuse: true }],
      [open, { ...own, methods: ["GET", "PUT"] }],
      [open, { ...own, methods: undefined }],
      [open, { ...own, path: "/users/*" }],
      [open, { ...own, path: "/users/me/mail" }],
      [open, { ...own, path: "/users" }],
      [
        { ...open, path: "/users/*" },
        { ...own, path: "/users" },
      ],
      // It ends tokens, whoever needs one.
      [open, { ...own, revoke: "token" }],
    ]) {
      assert.deepEqual(notesFor({ routes }), [], JSON.stringify(routes));
    }
  });

  it("is that nothing needs a token", () => {
    const all = { path: "/*", access: "public" };
    const logout = { path: "/logout", revoke: "token" };
    const said = ["routes.0: no request needs a token, and none is checked"];
    assert.deepEqual(notesFor({ routes: [all, logout] }), said);
    for (const routes of [
      [own, all],
      [{ ...all, methods: ["GET"] }],
      [{ ...all, access: "optional" }],
    ]) {
      assert.deepEqual(notesFor({ routes }), [], JSON.stringify(routes));
    }
  });

  it("is that everyone is trusted to say who asks", () => {
    for (const range of ["0.0.0.0/0", "::/0"]) {
      assert.match(
        notesFor({ listen: { trustedProxies: ["10.0.0.0/8", range] } }).join(),
        /^listen\.trustedProxies: every client may say which address it has/,
      );
      assert.match(
        notesFor({ decisions: { gateways: [range] } }).join(),
        /^decisions\.gateways: anyone who reaches the port may ask/,
      );
    }
    const listen = { trustedProxies: ["10.0.0.0/8", "::1"] };
    assert.deepEqual(notesFor({ listen, decisions: { gateways: ["10.0.0.0/10"] } }), []);
  });
});
