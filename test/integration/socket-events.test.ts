import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startGreetedGate } from "../helpers/greeter.ts";
import { send } from "../helpers/http.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const routes = `
routes:
  - path: /socket.io/
    firstMessage:
      protocol: socket.io
      loginEvent: [create, authentication]
      token: /2/accessToken
      logoutEvent: [remove, authentication]
      refusedEvents: [ [patch, users] ]
  - { path: /logout, methods: [POST], revoke: token }
`;

const connect = "40";
const logIn = (accessToken: string, id = 0) =>
  `42${id}${JSON.stringify(["create", "authentication", { strategy: "jwt", accessToken }, {}])}`;
const find = '42["find","messages",{}]';
const logOutHere = '427["remove","authentication",null,{}]';

describe("a socket.io connection that logs in by an event", () => {
  it("passes its CONNECT, and nothing else before a live token; what comes later is judged, too", async (t) => {
    const { application, open, logOut } = await startGreetedGate(t, routes);
    const [token, revoked] = [makeToken(), makeToken({ sub: "bob" })];
    await logOut(revoked);
    const refused: [readonly string[], string, string | undefined][] = [
      [
        [connect, logIn(revoked)],
        "4401 token_revoked",
        '430[{"code":401,"message":"token_revoked"}]',
      ],
      [
        [connect, logIn("a.b.c", 9)],
        "4401 token_invalid",
        '439[{"code":401,"message":"token_invalid"}]',
      ],
      [
        [connect, '421["create","authentication",{"strategy":"local"}]'],
        "4401 token_missing",
        '431[{"code":401,"message":"token_missing"}]',
      ],
      [[connect, find], "4401 token_missing", undefined],
      [[connect, logOutHere], "4401 token_missing", '437[{"code":401,"message":"token_missing"}]'],
      [[`40${JSON.stringify({ token })}`], "4401 token_ambiguous", undefined],
      [["40/a,", "40/b,", "40/c,", "40/d,", "40/e,"], "4401 token_missing", undefined],
    ];
    for (const [messages, ending, answer] of refused) {
      const { socket, heard, closed } = await open("/socket.io/");
      for (const message of [...messages, "more"]) socket.send(message);
      assert.equal(await closed, ending, messages.join());
      if (answer !== undefined) assert.equal(heard.at(-1), answer);
      const passed = messages.filter((each) => /^40[^{]*$/.test(each)).slice(0, 4);
      assert.deepEqual(application.messages.splice(0), passed);
    }
    const { socket, closed } = await open("/socket.io/");
    for (const message of [connect, logIn(token), find, logIn(revoked), "more"]) {
      socket.send(message);
    }
    assert.equal(await closed, "4401 token_revoked");
    assert.deepEqual(application.messages, [connect, logIn(token), find]);
  });

  it("is cut when its token ends elsewhere, and refuses events that must come by HTTP", async (t) => {
    const { application, open, logOut } = await startGreetedGate(t, routes);
    const token = makeToken();
    const [one, other] = [await open("/socket.io/"), await open("/socket.io/")];
    for (const { socket } of [one, other]) {
      socket.send(connect);
      socket.send(logIn(token));
    }
    other.socket.send('425["patch","users",1,{"password":"x"}]');
    assert.equal(await other.closed, "4400 request_ambiguous");
    assert.equal(other.heard.at(-1), '435[{"code":400,"message":"request_ambiguous"}]');
    await until(() => one.heard.length === 3);
    await logOut(token);
    assert.equal(await one.closed, "4401 token_revoked");
    assert.equal(application.messages.filter((each) => each.startsWith("425")).length, 0);
  });

  it("ends its token by its own logout, which the application can answer first, and no other token", async (t) => {
    const { application, gate, open } = await startGreetedGate(t, routes);
    const [token, other] = [makeToken(), makeToken()];
    const status = async (each: string) =>
      (await send(`${gate.url}/x200`, { headers: { token: each } })).status;
    const [leaving, staying] = [await open("/socket.io/"), await open("/socket.io/")];
    for (const [{ socket }, each] of [
      [leaving, token],
      [staying, other],
    ] as const) {
      socket.send(connect);
      socket.send(logIn(each));
    }
    leaving.socket.send(logOutHere);
    leaving.socket.send(find);
    await until(() => leaving.heard.at(-1) === `heard ${logOutHere}`);
    // The answer has come behind the revocation.
    assert.equal(await status(token), 401);
    assert.equal(await leaving.closed, "4401 token_revoked");
    assert.ok(!application.messages.includes(find));
    assert.equal(await status(other), 200);
    staying.socket.send(find);
    await until(() => staying.heard.at(-1) === `heard ${find}`);
  });
});
