import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { revgate } from "../helpers/command.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { publicPem } from "../helpers/tokens.ts";

describe("revgate check-config --explain", () => {
  const routes = `
routes:
  - { path: /login, methods: [POST], access: public }
  - path: /logout
    revoke: token
    alsoRevoke: [ { cookie: refresh } ]
    expired: forward
  - { path: /reset, access: public, revoke: subject, subjectFrom: { responseJson: /user/id } }
  - { path: /refresh, from: [ { cookie: refresh } ], tokens: opaque }
`;
  const write = (t: TestContext) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "app.pem"), publicPem);
    const file = join(directory, "revgate.yaml");
    writeFileSync(file, `tokens: { keys: [ { publicKeyFile: app.pem } ] }${routes}`);
    return file;
  };

  it("says which rule decides, and what a 2xx revokes", async (t) => {
    const file = write(t);
    const { stdout } = await revgate(["check-config", "-c", file, "--explain", "POST", "/logout"]);
    assert.equal(
      stdout,
      `POST /logout
  protected  needs a valid token (routes[1] ${file}:4:5)
  revokes    the token it carries, and the token in cookie refresh
  lets pass  expired tokens
  by         routes[1] ${file}:4:5
`,
    );
  });

  it("answers each line of standard input", async (t) => {
    const file = write(t);
    const input = "POST /login\n\nGET /login\nGET /reset\nGET /Refresh/\nGET /a//b\nGET /a%2Fb\n";
    const { stdout } = await revgate(["check-config", "-c", file, "--explain"], { input });
    assert.deepEqual(stdout.replaceAll(`${file}:`, "").trimEnd().split("\n"), [
      "POST /login",
      "  public     passes without a token, and with any: none is looked at (routes[0] 3:5)",
      "GET /login",
      "  protected  needs a valid token (no rule says otherwise)",
      "GET /reset",
      "  public     passes without a token, and with any: none is looked at (routes[2] 8:5)",
      "  revokes    every token of the subject in the answer's /user/id",
      "  by         routes[2] 8:5",
      // In another spelling it reads the cookie too, but nothing passes unseen.
      "GET /Refresh/",
      "  protected  needs a valid token (routes[3] 9:5)",
      "  reads      cookie refresh",
      "  by         routes[3] 9:5",
      "GET /a//b",
      "  refused    400 request_ambiguous: applications may read this path in more than one way",
      "GET /a%2Fb",
      "  refused    400 request_ambiguous: applications may read this path in more than one way; allowEncodedSlash on the rule for it may help",
    ]);
  });

  it("complains of lines that are no request", async (t) => {
    const file = write(t);
    const { code, stderr } = await revgate(["check-config", "-c", file, "--explain", "/logout"]);
    assert.equal(code, 2);
    assert.match(stderr, /expected a method and a path, such as "POST \/logout", got "\/logout"/);
    assert.equal((await revgate(["check-config", "-c", file, "GET", "/"])).code, 2);
    assert.equal((await revgate(["check-config", "-c", file, "--explain", "GET /a b"])).code, 2);
  });
});
