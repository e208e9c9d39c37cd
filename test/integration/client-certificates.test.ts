import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { WebSocket, WebSocketServer } from "ws";
import { startApplication } from "../helpers/application.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import {
  boundTo,
  type ClientCertificate,
  makeClientAuthority,
} from "../helpers/client-certificates.ts";
import { exampleRoutes, startGate, writeConfig } from "../helpers/gate.ts";
import { statusesIn } from "../helpers/http.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { makeToken } from "../helpers/tokens.ts";

/** Made once: each takes a process. */
const files = temporaryDirectory({ after: () => {} });
const { cert: ca } = makeCertificate(files);
const issue = makeClientAuthority(files);
const [alice, bob] = [issue("alice"), issue("bob")];
const stranger = makeCertificate(files, { name: "stranger-" });

const listenYaml = (more: string) =>
  `listen: { host: 127.0.0.1, port: 0, tls: { certFile: ${files}/cert.pem, keyFile: ${files}/key.pem${more} } }`;

/** A revgate with TLS that asks clients for certificates. */
async function startSite(
  t: TestContext,
  { clientCertificates = "required", clientCaFile = `${files}/ca-cert.pem` } = {},
) {
  const directory = temporaryDirectory(t);
  const application = await startApplication(t);
  new WebSocketServer({ server: application.server });
  const asking = `, clientCaFile: ${clientCaFile}, clientCertificates: ${clientCertificates}`;
  const yaml = `${listenYaml(asking)}${exampleRoutes}
  - { path: /reset, access: public, revoke: token }
  - { path: /open, access: public }
  - { path: /any, tokens: opaque }`;
  const gate = await startGate(t, { upstream: application.url, yaml, directory, scheme: "https" });
  return { gate, application };
}

type Site = Awaited<ReturnType<typeof startSite>>;

interface Sending {
  readonly token?: string;
  readonly first?: string;
  readonly session?: Buffer | undefined;
  /** Whether the session is taken up. */
  readonly mayResume?: boolean;
}

/** Sends one request on a connection of its own; resolves with its status and error. */
async function ask(
  { gate }: Pick<Site, "gate">,
  client: ClientCertificate | undefined,
  { token, first = "GET /me", session, mayResume = true }: Sending = {},
): Promise<{ answer: string; session: Buffer | undefined }> {
  const socket: TLSSocket = connect({
    ...{ port: gate.port, host: "127.0.0.1", ca, ...client },
    ...(session === undefined ? {} : { session }),
  });
  let kept: Buffer | undefined;
  socket.on("session", (offered) => {
    kept = offered;
  });
  await once(socket, "secureConnect");
  assert.equal(socket.isSessionReused(), session !== undefined && mayResume);
  const auth = token === undefined ? "" : `token: ${token}\r\n`;
  socket.write(`${first} HTTP/1.1\r\nHost: a\r\n${auth}Connection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket) text += chunk;
  const [, error = ""] = /"error":"(\w+)"/.exec(text) ?? [];
  return { answer: `${statusesIn(text).join()} ${error}`.trim(), session: kept };
}

describe("a listener that requires client certificates", () => {
  it("serves those of its authority, and refuses others by a word of their own", async (t) => {
    const site = await startSite(t);
    const token = makeToken();
    assert.equal((await ask(site, alice, { token })).answer, "200");
    assert.equal((await ask(site, alice)).answer, "401 token_missing");
    for (const client of [undefined, stranger]) {
      for (const first of ["GET /me", "GET /open", "POST /logout"]) {
        const { answer } = await ask(site, client, { token, first });
        assert.equal(answer, "403 certificate_required", first);
      }
    }
    assert.equal(site.application.seen.length, 1);
    assert.match(site.gate.logged(), /"outcome":"certificate_required"/);
  });

  it("lets a bound token pass with its certificate alone, on a resumed session too", async (t) => {
    const site = await startSite(t);
    const token = makeToken(boundTo(alice));
    const { answer, session } = await ask(site, alice, { token });
    assert.equal(answer, "200");
    assert.equal((await ask(site, bob, { token })).answer, "401 token_invalid");
    const opaque = { token, first: "GET /any" };
    assert.equal((await ask(site, bob, opaque)).answer, "401 token_invalid");
    assert.equal((await ask(site, alice, opaque)).answer, "200");
    if (session === undefined) throw new Error("no session was offered");
    assert.equal((await ask(site, alice, { token, session })).answer, "200");
    // A token that is bound to nothing passes with any.
    assert.equal((await ask(site, bob, { token: makeToken() })).answer, "200");
  });

  it("lets nobody pass with a binding that no certificate can have", async (t) => {
    const site = await startSite(t);
    for (const hash of ["", 1, null, ["x"], "x".repeat(43)]) {
      const token = makeToken({ cnf: { "x5t#S256": hash } });
      assert.equal((await ask(site, alice, { token })).answer, "401 token_invalid");
    }
    // Other ways to bind a token are the application's to check.
    const token = makeToken({ cnf: { jkt: "x" } });
    assert.equal((await ask(site, alice, { token })).answer, "200");
  });

  it("lets a bound token be ended by whoever has its certificate", async (t) => {
    const site = await startSite(t);
    const token = makeToken(boundTo(alice));
    const end = { token, first: "POST /logout" };
    assert.equal((await ask(site, bob, end)).answer, "401 token_invalid");
    // On a public route it is a token that nobody can check.
    assert.equal((await ask(site, bob, { token, first: "POST /reset" })).answer, "200");
    assert.equal((await ask(site, alice, { token })).answer, "200");
    assert.equal((await ask(site, alice, end)).answer, "200");
    assert.equal((await ask(site, alice, { token })).answer, "401 token_revoked");
  });

  it("asks WebSockets the same", async (t) => {
    const site = await startSite(t);
    const token = makeToken(boundTo(alice));
    const open = async (client: ClientCertificate) => {
      const url = `wss://127.0.0.1:${site.gate.port}/chat`;
      const socket = new WebSocket(url, { ca, ...client, headers: { token } });
      t.after(() => socket.terminate());
      socket.on("error", () => {});
      const [, response] = await Promise.race([
        once(socket, "open").then(() => [undefined, { statusCode: 101 }] as const),
        once(socket, "unexpected-response") as Promise<[unknown, { statusCode: number }]>,
      ]);
      return response.statusCode;
    };
    assert.deepEqual([await open(alice), await open(bob)], [101, 401]);
    assert.equal(await open(stranger), 403);
  });
});

describe("a listener that takes client certificates", () => {
  it("needs them for bound tokens alone, whoever issued them", async (t) => {
    const site = await startSite(t, { clientCertificates: "optional" });
    const token = makeToken();
    const [own, strangers] = [makeToken(boundTo(alice)), makeToken(boundTo(stranger))];
    for (const client of [undefined, alice, stranger]) {
      assert.equal((await ask(site, client, { token })).answer, "200");
    }
    assert.equal((await ask(site, alice, { token: own })).answer, "200");
    assert.equal((await ask(site, undefined, { token: own })).answer, "401 token_invalid");
    assert.equal((await ask(site, stranger, { token: own })).answer, "401 token_invalid");
    // The hash says which it is, and TLS that the client has its key (RFC 8705 section 2.2).
    assert.equal((await ask(site, stranger, { token: strangers })).answer, "200");
  });
});

describe("a listener that asks for no client certificates", () => {
  it("leaves bound tokens to whoever ends TLS, and keeps it so until a restart", async (t) => {
    const directory = temporaryDirectory(t);
    const application = await startApplication(t);
    const options = { upstream: application.url, directory, scheme: "https" as const };
    const gate = await startGate(t, { ...options, yaml: listenYaml("") });
    const site = { gate };
    const token = makeToken(boundTo(alice));
    assert.equal((await ask(site, undefined, { token })).answer, "200");
    const asking = listenYaml(`, clientCaFile: ${files}/ca-cert.pem`);
    await gate.reload(() => writeConfig(directory, asking, application.url));
    assert.match(gate.logged(), /listen\.tls\.clientCaFile/);
    assert.equal((await ask(site, undefined, { token })).answer, "200");
  });

  it("is not told that they are optional", async (t) => {
    const directory = temporaryDirectory(t);
    writeFileSync(join(directory, "no.pem"), "nothing");
    for (const [more, problem] of [
      [", clientCertificates: optional", /clientCertificates: expected optional only beside/],
      [", clientCaFile: no.pem", /clientCaFile: expected certificates, PEM/],
      [", clientCaFile: missing.pem", /clientCaFile: missing\.pem cannot be read/],
    ] as const) {
      await assert.rejects(writeConfig(directory, listenYaml(more), "http://127.0.0.1:1"), problem);
    }
  });
});

describe("a listener whose authorities change", () => {
  it("goes by the new ones at once", async (t) => {
    const clientCaFile = join(temporaryDirectory(t), "ca.pem");
    copyFileSync(join(files, "ca-cert.pem"), clientCaFile);
    const site = await startSite(t, { clientCaFile });
    const token = makeToken();
    const { answer, session } = await ask(site, alice, { token });
    assert.equal(answer, "200");
    writeFileSync(clientCaFile, stranger.cert);
    const yaml = listenYaml(`, clientCaFile: ${clientCaFile}`);
    await site.gate.reload(() => writeConfig(site.gate.directory, yaml, site.application.url));
    for (const resumed of [undefined, session]) {
      const { answer } = await ask(site, alice, { token, session: resumed, mayResume: false });
      assert.equal(answer, "403 certificate_required");
    }
    assert.equal((await ask(site, stranger, { token })).answer, "200");
  });
});
