import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { launchChromium } from "../helpers/chromium.ts";
import { startGate } from "../helpers/gate.ts";
import { startGrpcWebShop } from "../helpers/grpc-web-shop.ts";
import { makeToken } from "../helpers/tokens.ts";
import { until } from "../helpers/until.ts";

const yaml = `
routes:
  - { path: /, methods: [GET], access: public }
  - { path: /favicon.ico, access: public }
  - { path: /demo.Shop/Logout, methods: [POST], revoke: token }
`;

/** Google's client in a page; `call(format, method, token, text)` resolves with what its callbacks were told. */
const client = `
  import { GrpcWebClientBase, MethodDescriptor } from "grpc-web";
  class Text {}
  const encode = (text) => new TextEncoder().encode(text);
  const decode = (bytes) => new TextDecoder().decode(bytes);
  globalThis.call = (format, method, token, text = "alice", kind = "unary") => {
    const path = "/demo.Shop/" + method;
    const descriptor = new MethodDescriptor(path, kind, Text, Text, encode, decode);
    const shop = new GrpcWebClientBase({ format });
    const said = { messages: [], code: 0, text: "" };
    const told = ({ code, message }) => Object.assign(said, { code, text: message });
    globalThis.said = said;
    return new Promise((resolve) => {
      const metadata = token === undefined ? {} : { token };
      if (kind === "unary") {
        shop.rpcCall(path, text, metadata, descriptor, (error, answer) => {
          if (error) told(error);
          else said.messages.push(answer);
          resolve(said);
        });
        return;
      }
      shop.serverStreaming(path, text, metadata, descriptor)
        .on("data", (message) => said.messages.push(message))
        .on("error", (error) => { told(error); resolve(said); })
        .on("end", () => resolve(said));
    });
  };
`;

interface Said {
  readonly messages: readonly string[];
  readonly code: number;
  readonly text: string;
}

describe("Chromium with Google's client of gRPC-Web", () => {
  let browser: Browser;
  let script = "";
  before(async () => {
    const stdin = { contents: client, resolveDir: process.cwd() };
    const built = await build({ stdin, bundle: true, write: false, format: "iife" });
    script = built.outputFiles[0]?.text ?? "";
    browser = await launchChromium();
  });
  after(() => browser.close());

  for (const format of ["binary", "text"]) {
    it(`reads answers and refusals, and its stream ends with a logout: ${format}`, async (t) => {
      const shop = await startGrpcWebShop(t);
      const gate = await startGate(t, { upstream: shop.url, yaml });
      const page = await browser.newPage();
      t.after(() => page.close());
      await page.goto(gate.url);
      await page.addScriptTag({ content: script });
      const call = (...given: readonly (string | undefined)[]): Promise<Said> => {
        const list = [format, ...given].map((each) => JSON.stringify(each) ?? "undefined");
        return page.evaluate(`call(${list.join()})`);
      };
      const token = makeToken();

      assert.deepEqual(await call("Me", token), { messages: ["me alice"], code: 0, text: "" });
      assert.deepEqual(await call("Me", undefined), {
        ...{ messages: [], code: 16, text: "Token is missing." },
      });
      const failed = await call("Logout", token, "fail");
      assert.deepEqual([failed.code, failed.text], [9, "not now"]);

      const streaming = call("Watch", token, "x", "server_streaming");
      await until(() => shop.seen.some(({ url }) => url === "/demo.Shop/Watch"));
      // Messages of the binary form are handed over at its end alone.
      if (format === "text") {
        await page.waitForFunction("said.messages.length > 0", undefined, { timeout: 60_000 });
      }
      const other = await browser.newPage();
      t.after(() => other.close());
      await other.goto(gate.url);
      await other.addScriptTag({ content: script });
      const list = JSON.stringify([format, "Logout", token]);
      const done: Said = await other.evaluate(`call(...${list})`);
      assert.deepEqual([done.messages, done.code], [["bye"], 0]);

      assert.notEqual((await streaming).code, 0, "the stream");
      assert.deepEqual(await call("Me", token), {
        ...{ messages: [], code: 16, text: "Please log in again." },
      });
    });
  }
});
