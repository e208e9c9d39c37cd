import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import express from "express";
import { type FastifyServerOptions, fastify } from "fastify";
import methodOverride from "method-override";
import { listenOnLoopback } from "../../helpers/application.ts";
import { repository, startProgram } from "../../helpers/program.ts";
import { searchPython } from "../../tools/python.ts";
import { lenientRouter } from "./lenient-router.ts";

type After = { after(cleanup: () => unknown): void };

/**
 * An application by a real framework, as lenient as the framework can be made to be.
 *
 * It has the routes of the examples, and one for everything else; each names itself in the response
 * header `handled-by`: login, static, reset, change, logout, other.
 */
export interface Framework {
  readonly name: string;
  readonly url: string;
}

const routes = [
  ["POST", "/login", "login"],
  ["POST", "/reset-password", "reset"],
  ["POST", "/change-password", "change"],
  ["POST", "/logout", "logout"],
] as const;

/** Case-insensitive, trailing slashes ignored, a method from an override header or from `_method`: Express with method-override. */
async function startExpress(t: After): Promise<string> {
  const app = express();
  // It need not log what it can't decode.
  app.set("env", "test");
  for (const name of ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"]) {
    app.use(methodOverride(name, { methods: ["POST", "GET", "PUT"] }));
  }
  for (const [, path, name] of routes) {
    app.post(path, (_request, response) => void response.set("handled-by", name).send("ok"));
  }
  app.all("/static/{*rest}", (_request, response) => {
    response.set("handled-by", "static").send("ok");
  });
  app.use((_request, response) => void response.set("handled-by", "other").send("ok"));
  return listen(t, app);
}

/** Case-insensitive, trailing and double slashes ignored, `;` begins the query. */
async function startFastify(t: After): Promise<string> {
  const app = fastify({
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      useSemicolonDelimiter: true,
    } as FastifyServerOptions["routerOptions"] & object,
    forceCloseConnections: true,
  });
  // Bodies are of no interest, whatever their type.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => {
    payload.resume();
    done(null);
  });
  for (const [, path, name] of routes) {
    app.post(path, (_request, reply) => reply.header("handled-by", name).send("ok"));
  }
  app.all("/static/*", (_request, reply) => reply.header("handled-by", "static").send("ok"));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(200).header("handled-by", "other").send("ok"),
  );
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  return url;
}

async function startFlask(t: After): Promise<string> {
  const python = searchPython();
  if (python === undefined) throw new Error("no Python with Flask: npm test installs it");
  const file = join(repository, "test/attacks/frameworks/flask_app.py");
  const { match } = await startProgram(t, [python, "-u", file], {}, /listening on (\d+)/);
  return `http://127.0.0.1:${match[1]}`;
}

/** What servlet containers, Windows servers and proxies have been seen to do with a path, all at once. */
function startLenient(t: After): Promise<string> {
  return listen(t, (request, response) => {
    const method = lenientRouter.methodOf(request.method ?? "", request.headers);
    const path = lenientRouter.pathOf(request.url ?? "");
    const route = routes.find(([verb, known]) => verb === method && known === path);
    const isStatic = path.startsWith("/static/");
    response.setHeader("handled-by", route?.[2] ?? (isStatic ? "static" : "other"));
    response.end("ok");
  });
}

async function listen(t: After, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await listenOnLoopback(t, server);
  if (!server.listening) await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts them all; they end with the test. */
export async function startFrameworks(t: After): Promise<readonly Framework[]> {
  const starts = {
    Express: startExpress,
    Fastify: startFastify,
    Flask: startFlask,
    lenient: startLenient,
  };
  return Promise.all(
    Object.entries(starts).map(async ([name, start]) => ({ name, url: await start(t) })),
  );
}
