import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startRedis } from "../helpers/redis.ts";
import { endWithAll } from "../helpers/shared.ts";
import { until } from "../helpers/until.ts";
import { call, standings } from "./call.ts";
import { connectByRest, connectBySocket, startFeathers } from "./feathers-application.ts";
import { exampleConfig, startSidecar } from "./sidecars.ts";

const secret = "0123456789abcdef0123456789abcdef0123456789abcdef";
const lives = ["lives", "lives"];
const revoked = ["token_revoked", "token_revoked"];

describe("Feathers with socket.io behind two revgates", () => {
  const t = endWithAll();
  const started = startPair();

  async function startPair() {
    const redis = await startRedis(t);
    const place = { upstream: await startFeathers(t, secret), secret, redisUrl: redis.url };
    const yaml = exampleConfig("feathers");
    const urls = await Promise.all([startSidecar(t, yaml, place), startSidecar(t, yaml, place)]);
    const [first = "", second = ""] = urls;
    const standing = (token: string) => standings(urls, "/messages", { token });
    return { first, second, standing };
  }

  /** A device that has logged in by REST, and on its socket with that token. */
  async function logIn(url: string, password = "wonderland") {
    const rest = connectByRest(url);
    const credentials = { strategy: "local", email: "alice@example.com", password };
    const { accessToken } = await rest.authenticate(credentials);
    const { client: socket, seen } = connectBySocket(t, url);
    await socket.authenticate({ strategy: "jwt", accessToken });
    return { rest, socket, seen, accessToken };
  }

  it("logs one device out of two by REST: its token is dead everywhere, and its socket is cut", async () => {
    const { first, second, standing } = await started;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    const told: object[] = [];
    laptop.socket.service("messages").on("created", (message) => told.push(message));
    await phone.socket.service("messages").create({ text: "by socket" });
    await phone.rest.service("messages").create({ text: "by REST" });
    await until(() => told.length === 2);
    assert.equal((await laptop.socket.service("messages").find()).length, 2);

    // On the other revgate than the one where the socket is.
    const body = { method: "DELETE", token: phone.accessToken };
    assert.equal((await call(second, "/authentication", body)).status, 200);
    assert.deepEqual(await standing(phone.accessToken), revoked);
    await until(() => phone.seen.length === 2);
    assert.deepEqual(phone.seen, ["connect", "disconnect"]);
    await assert.rejects(phone.rest.reAuthenticate(true), { error: "token_revoked" });
    const again = { strategy: "jwt", accessToken: phone.accessToken };
    const other = connectBySocket(t, second);
    await assert.rejects(other.client.authenticate(again), { code: 401, message: "token_revoked" });

    assert.deepEqual(await standing(laptop.accessToken), lives);
    await laptop.socket.service("messages").create({ text: "still here" });
    assert.deepEqual(laptop.seen, ["connect"]);
    assert.deepEqual(await standing((await logIn(first)).accessToken), lives);
  });

  it("logs out on the socket: the client is answered, the token is dead, and no other one", async () => {
    const { first, second, standing } = await started;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    assert.notEqual(await phone.socket.logout(), null);
    assert.deepEqual(await standing(phone.accessToken), revoked);
    await until(() => phone.seen.at(-1) === "disconnect");
    assert.deepEqual(await standing(laptop.accessToken), lives);
    assert.equal((await laptop.socket.service("messages").find()).length > 0, true);
  });

  it("lets no later login with a revoked token pass, no password on a socket, and no change of one", async () => {
    const { first, standing } = await started;
    const [phone, laptop] = [await logIn(first), await logIn(first)];
    await phone.rest.logout();
    assert.deepEqual(await standing(phone.accessToken), revoked);
    const dead = { strategy: "jwt", accessToken: phone.accessToken };
    await assert.rejects(laptop.socket.authenticate(dead), { message: "token_revoked" });
    await until(() => laptop.seen.at(-1) === "disconnect");
    const { client: stranger } = connectBySocket(t, first);
    const password = { strategy: "local", email: "alice@example.com", password: "wonderland" };
    await assert.rejects(stranger.authenticate(password), { message: "token_missing" });
    const device = await logIn(first);
    const changed = device.socket.service("users").patch(1, { password: "guessed" });
    await assert.rejects(changed, { code: 400, message: "request_ambiguous" });
    assert.deepEqual(await standing((await logIn(first)).accessToken), lives);
  });

  it("leaves the device that changed the password, and ends all others, and lets the next login in", async () => {
    const { first, second, standing } = await started;
    const [phone, laptop] = [await logIn(first), await logIn(second)];
    await laptop.rest.service("users").patch(1, { name: "Alice" });
    assert.deepEqual(await standing(phone.accessToken), lives);
    await laptop.rest.service("users").patch(1, { password: "looking glass" });
    assert.deepEqual(await standing(phone.accessToken), revoked);
    await until(() => phone.seen.at(-1) === "disconnect");
    assert.deepEqual(await standing(laptop.accessToken), lives);
    assert.deepEqual(await standing((await logIn(first, "looking glass")).accessToken), lives);
  });
});
