import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import fastifyJwt from "@fastify/jwt";
import express from "express";
import { expressjwt } from "express-jwt";
import fastify from "fastify";
import jsonwebtoken from "jsonwebtoken";
import { listenOnLoopback } from "../../helpers/application.ts";
import { repository, startProgram } from "../../helpers/program.ts";
import { temporaryDirectory } from "../../helpers/temporary.ts";
import { keyPair } from "../../helpers/tokens.ts";
import { searchPython } from "../../tools/python.ts";

/** One request of a client's. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly bearer?: string;
  readonly body?: object;
}

/** An application of a framework, and what its clients do. */
export interface FrameworkApplication {
  /** The framework itself runs; else a stand-in with its routes and tokens. */
  readonly isReal: boolean;
  /** Where it publishes its keys, if its tokens are not signed with the secret. */
  readonly keySet?: string;
  start(t: TestContext, secret: string): Promise<string>;
  readonly login: Call;
  /** Where the answer to a login has the token. */
  readonly token: (answer: Record<string, unknown>) => string;
  readonly use: string;
  logout(answer: Record<string, unknown>): Call;
  readonly logoutStatus: number;
  /** What else has ended with the logout. */
  readonly alsoEnded?: (answer: Record<string, unknown>) => Call;
  /** What visitors may see. */
  readonly open?: string;
}

const credentials = { username: "alice", password: "wonderland" };
const accessToken = (answer: Record<string, unknown>) => String(answer["access_token"]);
const makeId = () => crypto.randomUUID();

/** A stand-in: it has no more than the routes that are used, and its tokens have the framework's claims. */
function standIn(
  makeToken: () => string,
  answers: Readonly<Record<string, (token: string) => [status: number, body: object]>>,
) {
  return createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume().on("end", () => {
      const token = makeToken();
      const key = `${request.method} ${request.url?.replace(/token\/.+/, "token/*")}`;
      const [status, body] = answers[key]?.(token) ?? [404, { error: "not found" }];
      const location = status === 302 ? { location: "/login?logout" } : {};
      response.writeHead(status, { "content-type": "application/json", ...location });
      response.end(JSON.stringify(body));
    });
  });
}

/** Signs with the secret, or with the key of a key set (RS256). */
function sign(claims: object, secret: string | undefined): string {
  const options = { expiresIn: 900, jwtid: makeId() } as const;
  if (secret !== undefined) return jsonwebtoken.sign(claims, secret, options);
  return jsonwebtoken.sign(claims, keyPair.privateKey, { ...options, algorithm: "RS256", keyid });
}

const keyid = "of-the-key-set";
const keySet = { keys: [{ ...keyPair.publicKey.export({ format: "jwk" }), kid: keyid }] };

type StandIn = Omit<FrameworkApplication, "isReal" | "start"> & {
  readonly claims: () => object;
  readonly answers: (token: string) => object;
};

function describeStandIn({ claims, answers, ...rest }: StandIn): FrameworkApplication {
  return {
    ...{ isReal: false, ...rest },
    start: async (t, secret) => {
      const { method, path } = rest.logout({ access_token: "x", token: "x", jwt: "x", data: {} });
      const makeToken = () => sign(claims(), rest.keySet === undefined ? secret : undefined);
      const server = standIn(makeToken, {
        [`${rest.login.method} ${rest.login.path}`]: (token) => [200, answers(token)],
        [`GET ${rest.use}`]: () => [200, { ok: true }],
        [`GET ${rest.open}`]: () => [200, { ok: true }],
        [`GET ${rest.keySet}`]: () => [200, keySet],
        [`${method} ${path.replace(/token\/.+/, "token/*")}`]: () => [rest.logoutStatus, {}],
      });
      return `http://127.0.0.1:${await listenOnLoopback(t, server)}`;
    },
  };
}

const flaskJwtExtended = describeStandIn({
  claims: () => ({ fresh: false, type: "access", sub: "alice", csrf: makeId(), nbf: 0 }),
  login: { method: "POST", path: "/login", body: credentials },
  answers: (token) => ({ access_token: token }),
  token: accessToken,
  use: "/protected",
  logout: (answer) => ({ method: "DELETE", path: "/logout", bearer: accessToken(answer) }),
  logoutStatus: 200,
});

const strapi = describeStandIn({
  claims: () => ({ id: 1 }),
  login: { method: "POST", path: "/api/auth/local", body: { identifier: "a", password: "b" } },
  answers: (token) => ({ jwt: token, user: { id: 1 } }),
  token: ({ jwt }) => String(jwt),
  use: "/api/users/me",
  logout: ({ jwt }) => ({ method: "POST", path: "/api/auth/logout", bearer: String(jwt) }),
  logoutStatus: 200,
  open: "/api/articles",
});

const dataOf = ({ data }: Record<string, unknown>) => data as Record<string, unknown>;
const directus = describeStandIn({
  claims: () => ({ id: makeId(), role: makeId(), session: makeId(), iss: "directus" }),
  login: { method: "POST", path: "/auth/login", body: { email: "a@b", password: "c" } },
  answers: (token) => ({ data: { access_token: token, refresh_token: "opaque", expires: 900 } }),
  token: (answer) => accessToken(dataOf(answer)),
  use: "/users/me",
  logout: (answer) => ({
    ...{ method: "POST", path: "/auth/logout", bearer: accessToken(dataOf(answer)) },
    body: { refresh_token: "opaque", mode: "json" },
  }),
  logoutStatus: 204,
  open: "/items/articles",
});

const tokenOf = ({ token }: Record<string, unknown>) => String(token);
const verdaccio = describeStandIn({
  claims: () => ({ name: "alice", real_groups: [], groups: ["$all"] }),
  login: { method: "PUT", path: "/-/user/org.couchdb.user:alice", body: { name: "alice" } },
  answers: (token) => ({ ok: "you are authenticated", token }),
  token: tokenOf,
  use: "/-/npm/v1/user",
  logout: (answer) => ({
    ...{ method: "DELETE", bearer: tokenOf(answer) },
    path: `/-/user/token/${tokenOf(answer)}`,
  }),
  logoutStatus: 200,
  open: "/@scope%2fname",
});

const spring = describeStandIn({
  keySet: "/oauth2/jwks",
  claims: () => ({ sub: "alice", scope: ["read"], iss: "https://id.example.com" }),
  login: { method: "POST", path: "/login", body: credentials },
  answers: (token) => ({ token }),
  token: tokenOf,
  use: "/api/me",
  logout: (answer) => ({ method: "POST", path: "/logout", bearer: tokenOf(answer) }),
  logoutStatus: 302,
});

const jsonwebtokenExpress: FrameworkApplication = {
  isReal: true,
  async start(t, secret) {
    const app = express();
    const guard = expressjwt({ secret, algorithms: ["HS256"] });
    app.post("/login", express.json(), (_, response) => {
      response.json({
        token: jsonwebtoken.sign({ sub: "alice" }, secret, { expiresIn: "1h", jwtid: makeId() }),
      });
    });
    app.get("/me", guard, (_, response) => void response.json({ ok: true }));
    app.post("/logout", guard, (_, response) => void response.json({ ok: true }));
    return `http://127.0.0.1:${await listenOnLoopback(t, createServer(app))}`;
  },
  login: { method: "POST", path: "/login", body: credentials },
  token: tokenOf,
  use: "/me",
  logout: (answer) => ({ method: "POST", path: "/logout", bearer: tokenOf(answer) }),
  logoutStatus: 200,
};

const fastifyWithJwt: FrameworkApplication = {
  ...jsonwebtokenExpress,
  async start(t, secret) {
    const app = fastify();
    t.after(() => app.close());
    await app.register(fastifyJwt, { secret });
    const guard = {
      onRequest: (request: { jwtVerify(): Promise<unknown> }) => request.jwtVerify(),
    };
    app.post("/login", async () => ({
      token: app.jwt.sign({ sub: "alice", jti: makeId() }, { expiresIn: "1h" }),
    }));
    app.get("/me", guard, async () => ({ ok: true }));
    app.post("/logout", guard, async () => ({ ok: true }));
    return app.listen({ port: 0, host: "127.0.0.1" });
  },
};

const simplejwt: FrameworkApplication = {
  isReal: true,
  async start(t, secret) {
    const file = join(repository, "examples/django-simplejwt/app.py");
    const command = [searchPython() ?? "python3", file, join(temporaryDirectory(t), "db")] as const;
    const env = { JWT_SECRET: secret, PORT: "0" };
    const { match } = await startProgram(t, command, env, /listening on (http:\S+)/);
    return match[1] ?? "";
  },
  login: { method: "POST", path: "/api/token/", body: credentials },
  token: ({ access }) => String(access),
  use: "/api/me/",
  logout: ({ access, refresh }) => ({
    ...{ method: "POST", path: "/api/token/blacklist/", bearer: String(access) },
    body: { refresh },
  }),
  logoutStatus: 200,
  alsoEnded: ({ refresh }) => ({ method: "POST", path: "/api/token/refresh/", body: { refresh } }),
};

/** By the name that `revgate init --framework` takes. */
export const applications: Readonly<Record<string, FrameworkApplication>> = {
  "flask-jwt-extended": flaskJwtExtended,
  simplejwt,
  express: jsonwebtokenExpress,
  fastify: fastifyWithJwt,
  strapi,
  directus,
  verdaccio,
  spring,
};
