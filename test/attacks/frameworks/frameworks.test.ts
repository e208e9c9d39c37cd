import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exchange, head } from "../exchange.ts";
import { startFrameworks } from "./framework.ts";

/** Spellings of the logout that each of them takes for it: if it did not, attacks on it would prove nothing. */
const taken: Record<string, readonly string[]> = {
  Express: ["POST /logout", "POST /LOGOUT/", "POST http://a/logout", "POST /logout?x=/me"],
  Fastify: ["POST /logout", "POST //logout", "POST /LogOut/", "POST /logout;x=1", "POST /log%6Fut"],
  Flask: ["POST /logout", "POST /logout/", "POST /log%6fut"],
  lenient: [
    ...["POST /logout", "POST /a/..;x/logout", "POST /%2e/%256Cogout"],
    ...[
      "POST /static/..%2flogout",
      "POST /logout%00.css",
      "POST /logout%20",
      "POST /%c0%ae%c0%ae/logout",
    ],
  ],
};

describe("the frameworks", () => {
  it("are as lenient as they can be made", async (t) => {
    for (const { name, url } of await startFrameworks(t)) {
      for (const line of taken[name] ?? []) {
        const bytes = head(`${line} HTTP/1.1`, ["Content-Length: 0"]);
        const { headers } = await exchange(Number(new URL(url).port), bytes);
        assert.equal(headers["handled-by"], "logout", `${name}: ${line}`);
      }
    }
  });
});
