import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ownUpstream, repeatedListeners } from "../../../src/config/listeners.ts";

const listening = (upstream: string, listen = "0.0.0.0", port = 8080) => ({
  listen: { host: listen, port },
  admin: { host: "0.0.0.0", port: 9090 },
  decisions: undefined,
  upstream: { url: new URL(upstream) },
});

describe("repeatedListeners", () => {
  it("names the second listener with a port, and the first", () => {
    const one = listening("http://app", "127.0.0.1", 9090);
    const decisions = { host: "::", port: 9090 };
    const message = "expected another port than 9090, on which listen listens";
    assert.deepEqual(repeatedListeners({ ...one, decisions }), [
      { path: ["admin", "port"], message },
      { path: ["decisions", "port"], message },
    ]);
  });

  it("leaves other addresses with the same port, and port 0, alone", () => {
    const [one, other] = ["127.0.0.1", "127.0.0.2"].map((host) => ({ host, port: 9090 }));
    if (one === undefined || other === undefined) assert.fail();
    const { upstream } = listening("http://app");
    assert.deepEqual(repeatedListeners({ upstream, listen: one, admin: other }), []);
    const any = { host: "::1", port: 9090 };
    assert.deepEqual(
      repeatedListeners({ upstream, listen: any, admin: { ...one, host: "0.0.0.0" } }),
      [],
    );
    const free = { host: "0.0.0.0", port: 0 };
    assert.deepEqual(repeatedListeners({ upstream, listen: free, admin: free }), []);
  });
});

describe("ownUpstream", () => {
  const own = (upstream: string, listen?: string, port?: number) =>
    ownUpstream(listening(upstream, listen, port)).length > 0;

  it("finds each way in which a listener of revgate's is reached", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0"]) {
      assert.equal(own(`http://${host}:8080`), true, host);
      assert.equal(own(`http://${host}:9090`, "10.0.0.1"), true, host);
    }
    assert.equal(own("http://10.0.0.1:8080", "10.0.0.1"), true);
    assert.equal(own("http://[::1]:8080", "::"), true);
    assert.equal(own("http://127.0.0.1:8080", "::"), true);
    assert.equal(own("http://localhost", "127.0.0.1", 80), true);
    assert.equal(own("https://localhost", "127.0.0.1", 443), true);
  });

  it("takes nothing else for one", () => {
    assert.equal(own("http://127.0.0.1:3000"), false);
    assert.equal(own("http://app:8080"), false);
    assert.equal(own("http://10.0.0.2:8080", "10.0.0.1"), false);
    assert.equal(own("http://127.0.0.1:8080", "127.0.0.2"), false);
    assert.equal(own("http://[::1]:8080"), false);
    assert.equal(own("unix:/run/app.sock", "0.0.0.0", 80), false);
  });

  it("says which listener it is, and what to do", () => {
    assert.deepEqual(ownUpstream(listening("http://localhost:8080")), [
      {
        path: ["upstream", "url"],
        message:
          "expected the application's address, not revgate's own (listen: 0.0.0.0:8080); give one of them another port",
      },
    ]);
  });
});
