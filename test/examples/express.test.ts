import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { send } from "../helpers/http.ts";
import {
  repository,
  shippedProgram,
  startBuiltGate,
  startExampleProgram,
  writeKeyFiles,
} from "../helpers/program.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** What a browser has of a login. */
interface Device {
  readonly access: string;
  readonly cookie: string;
}

/** The example as its README has it. */
async function start(t: TestContext) {
  const directory = temporaryDirectory(t);
  const keys = writeKeyFiles(directory);
  const application = await startExampleProgram(t, "express/server.js", keys);
  const gate = await startBuiltGate(
    t,
    join(repository, "examples/express/revgate.yaml"),
    {
      ...keys,
      ...{ PORT: "0", ADMIN_PORT: "0", DATA_DIR: directory, APPLICATION: application.url },
    },
    shippedProgram,
  );
  const ask = async (
    method: string,
    path: string,
    { access, cookie }: Partial<Device> = {},
    body?: object,
  ) => {
    const headers = {
      ...(access && { authorization: `Bearer ${access}` }),
      ...(cookie && { cookie }),
      ...(body && { "content-type": "application/json" }),
    };
    const sent = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    return send(`${gate.url}${path}`, sent);
  };
  const logIn = async (user: string, password: string): Promise<Device> => {
    const reply = await ask("POST", "/login", {}, { user, password });
    assert.equal(reply.status, 200, reply.text);
    const [cookie = ""] = reply.headers["set-cookie"] ?? [];
    return { access: String(reply.json["access_token"]), cookie: cookie.split(";", 1)[0] ?? "" };
  };
  const standing = async (device: Device) => {
    const replies = [await ask("GET", "/me", device), await ask("POST", "/refresh", device)];
    return replies.map(({ status, json }) => (status === 200 ? "ok" : json["error"]));
  };
  return { application, gate, ask, logIn, standing };
}

const live = ["ok", "ok"];
const dead = ["token_revoked", "token_revoked"];

describe("an Express application with a refresh token", () => {
  it("has both tokens ended by a logout, of that device alone, and twice", async (t) => {
    const { ask, logIn, standing } = await start(t);
    const [phone, laptop] = [
      await logIn("alice", "wonderland"),
      await logIn("alice", "wonderland"),
    ];
    assert.deepEqual([await standing(phone), await standing(laptop)], [live, live]);
    assert.equal((await ask("POST", "/logout", phone)).status, 200);
    assert.deepEqual([await standing(phone), await standing(laptop)], [dead, live]);
    assert.equal((await ask("POST", "/logout", phone)).status, 200);
    // An access token that has expired by then.
    const past = Math.floor(Date.now() / 1000) - 100;
    const expired = makeToken({ use: "access", iat: past - 900, exp: past });
    assert.equal((await ask("POST", "/logout", { ...laptop, access: expired })).status, 200);
    assert.deepEqual(await standing(laptop), ["ok", "token_revoked"]);
  });

  it("has every device of a user ended by a changed password, and what runs on them", async (t) => {
    const { gate, ask, logIn, standing } = await start(t);
    const [phone, laptop] = [
      await logIn("alice", "wonderland"),
      await logIn("alice", "wonderland"),
    ];
    const bob = await logIn("bob", "builder");
    const headers = { authorization: `Bearer ${laptop.access}` };
    const request = http.get(`${gate.url}/events`, { headers }).on("error", () => {});
    const [events] = (await once(request, "response")) as [IncomingMessage];
    const ended = new Promise((resolve) => events.on("close", resolve).on("error", () => {}));
    await once(events, "data");

    const passwords = { old: "wonderland", new: "through the looking-glass" };
    const wrong = await ask("PUT", "/password", phone, { ...passwords, old: "wrong" });
    assert.equal(wrong.status, 403);
    assert.deepEqual(await standing(laptop), live);
    assert.equal((await ask("PUT", "/password", phone, passwords)).status, 200);
    for (const device of [phone, laptop]) assert.deepEqual(await standing(device), dead);
    assert.deepEqual(await standing(bob), live);
    events.resume();
    await ended;
    assert.equal(events.complete, false);
    assert.deepEqual(await standing(await logIn("alice", passwords.new)), live);
  });

  it("has every device of a user ended by a reset, although nobody carries a token", async (t) => {
    const { application, ask, logIn, standing } = await start(t);
    const [phone, bob] = [await logIn("alice", "wonderland"), await logIn("bob", "builder")];
    const mail = once(application.child.stdout ?? assert.fail(), "data");
    await ask("POST", "/password/forgotten", {}, { email: "alice@example.com" });
    const [, code] = /code for \S+: (\d+)/.exec(String(await mail)) ?? [];
    assert.deepEqual(await standing(phone), live, "asking for a mail ends nothing");
    const wrong = await ask("POST", "/password/reset", {}, { code: "1", new: "x" });
    assert.equal(wrong.status, 403);
    const reset = await ask("POST", "/password/reset", {}, { code, new: "cheshire" });
    assert.deepEqual(reset.json, { user: { id: "alice" } });
    assert.deepEqual([await standing(phone), await standing(bob)], [dead, live]);
    assert.deepEqual(await standing(await logIn("alice", "cheshire")), live);
  });
});
