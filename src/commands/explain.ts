import { createInterface } from "node:readline";
import type { Config } from "../config/load.ts";
import { routeRules, targetOptions } from "../config/routes.ts";
import { UsageError } from "../errors.ts";
import { methodReadings } from "../gateway/method.ts";
import { isInRequest } from "../gateway/named-subjects.ts";
import {
  endsByCutOff,
  type HandedOutSource,
  type Route,
  type SubjectSource,
} from "../gateway/route.ts";
import { compileRoutes, type RouteTable } from "../gateway/route-table.ts";
import type { Success } from "../gateway/success.ts";
import { readTarget } from "../gateway/target.ts";
import { HeaderList } from "../http/field-lines.ts";
import type { CredentialSource } from "../token/credential.ts";
import { type CommandIo, print } from "./io.ts";

/**
 * Prints for each request, a method and a path, what the route rules make of it: from the arguments
 * if there are any, else from the lines of standard input.
 */
export async function explainRequests(
  config: Config,
  args: readonly string[],
  io: CommandIo,
): Promise<void> {
  const routes = compileRoutes(routeRules(config.settings));
  const explain = (line: string) => print(io, explainRequest(config, routes, line));
  if (args.length > 0) return explain(args.join(" "));
  for await (const line of createInterface({ input: io.stdin })) {
    if (line.trim() !== "") explain(line);
  }
}

function explainRequest(config: Config, routes: RouteTable, line: string): string {
  const [method = "", text = "", ...more] = line.trim().split(/\s+/);
  if (!/^[A-Z]+$/.test(method) || !text.startsWith("/") || more.length > 0) {
    throw new UsageError(`expected a method and a path, such as "POST /logout", got "${line}"`);
  }
  const target = readTarget(text, targetOptions(config.settings));
  const methods = methodReadings(method, { target: text, headers: new HeaderList([]) });
  const route = target && routes.find(methods, target);
  if (target === undefined || route === undefined) {
    const remedy = /%2f/i.test(text) ? "; allowEncodedSlash on the rule for it may help" : "";
    return `${method} ${text}\n  refused    400 request_ambiguous: applications may read this path in more than one way${remedy}`;
  }
  const { access, applying } = routes.explain(methods, target);
  const nameRule = (position: number) => nameRuleAt(config, position);
  const rows = [
    [
      route.access,
      accessOf(route, access === undefined ? "no rule says otherwise" : nameRule(access)),
    ],
    ["reads", (route.from ?? []).map(nameSource).join(", ")],
    ["refuses", whatIsRefused(route)],
    ["revokes", whatEnds(route).join(", and ")],
    ["if it says", (route.success ?? []).map(nameSuccess).join(", or ")],
    ["only", conditionsOf(config, applying).join("; ")],
    ["spares", whatStays(route).join(", and ")],
    ["hands out", (route.handsOut ?? []).map(nameSource).join(", ")],
    ["leaves", whatIsLeft(route)],
    ["session", whatBelongs(route)],
    ["lets pass", exemptions(route).join(", ")],
    ["messages", loginOf(route)],
    ["streams", route.streams ? "responses may pause for as long as they like" : ""],
    ["answers", whoAnswers(route)],
    ["by", applying.map(nameRule).join(", ")],
  ] as const;
  const told = rows.filter(([, what]) => what !== "");
  return [line.trim(), ...told.map(([name, what]) => `  ${name.padEnd(10)} ${what}`)].join("\n");
}

/** After those of `routes` comes the one of a logout of revgate's own. */
function nameRuleAt(config: Config, position: number): string {
  if (position >= config.settings.routes.length) return `logout ${config.place(["logout"])}`;
  return `routes[${position}] ${config.place(["routes", position])}`;
}

const needs: Readonly<Record<Route["access"], string>> = {
  public: "passes without a token, and with any: none is looked at",
  optional: "passes without a token; one that is sent must be live",
  protected: "needs a valid token",
};

function accessOf({ access }: Route, ground: string): string {
  return `${needs[access]} (${ground})`;
}

function whatIsRefused({ refuses }: Route): string {
  return refuses ? "400 request_ambiguous: its rule lets nothing pass" : "";
}

/** What a 2xx there ends. */
function whatEnds(route: Route): string[] {
  if (route.revoke === undefined) return [];
  const { alsoRevoke = [], subjectsFrom = [] } = route;
  const all = endsByCutOff(route)
    ? "every token of its subject"
    : `the token it carries${route.revoke === "session" ? " and its session" : ""}`;
  return [
    ...(route.keepsCarriedToken ? [] : [all]),
    ...subjectsFrom.map(
      ({ source, ifUnknown }) =>
        `every token of the subject in ${nameSource(source)}${
          isInRequest(source) && ifUnknown === "keep" ? " (unless the outcome is unknown)" : ""
        }`,
    ),
    ...alsoRevoke.map(({ source }) => `the token in ${nameSource(source)}`),
  ];
}

/** What stays where every other token ends. */
function whatStays({ revoke, sparing }: Route): string[] {
  if (revoke !== "others") return [];
  const { sent = [], handedOut = [] } = sparing ?? {};
  return [
    "the token it carries",
    ...[...sent, ...handedOut].map((source) => `the token in ${nameSource(source)}`),
  ];
}

function whatIsLeft({ only, maxSessions }: Route): string {
  if (only === "latest") return "its subject these tokens alone";
  if (maxSessions === undefined) return "";
  return maxSessions === 1
    ? "its subject this session alone"
    : `its subject this session and the ${maxSessions - 1} before it`;
}

function loginOf({ messageToken, awaitsToken }: Route): string {
  if (messageToken === undefined) return "";
  const { protocol, pointer, types, events } = messageToken;
  const [type] = types;
  const message =
    protocol === "socket.io"
      ? (events && `event ${events.login.join(" ")}`) || "CONNECT packet"
      : type === undefined
        ? "first message"
        : `${type} message`;
  return awaitsToken
    ? `a WebSocket without a token passes, and its ${message} must have a live one in ${pointer}`
    : `a token in ${pointer} of a WebSocket's ${message} must be live, too`;
}

function whoAnswers({ answered }: Route): string {
  return answered === undefined ? "" : "revgate itself: it never reaches the application";
}

function whatBelongs({ session, reused }: Route): string {
  if (session === undefined) return "";
  return `${session} with these tokens${reused ? "; the one it carries is replaced, and ends it if it comes again" : ""}`;
}

/** What some of the rules look at besides method and path. */
function conditionsOf({ settings }: Config, applying: readonly number[]): string[] {
  return applying.flatMap((position) => {
    const { when, graphql } = settings.routes[position] ?? {};
    const told = { ...when, ...graphql };
    return Object.keys(told).length === 0
      ? []
      : `by routes[${position}] if ${JSON.stringify(told)}`;
  });
}

/** Which answers count. */
function nameSuccess({ statuses, member, graphql }: Success): string {
  const named = statuses.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`));
  if (graphql !== undefined) {
    return `${named.join(" or ")}, and the answer's data has ${graphql.keys.join(" or ")} without errors`;
  }
  if (member === undefined) return named.join(" or ");
  const { pointer, values } = member;
  const is =
    values === "absent"
      ? "is absent"
      : `is ${values.map((one) => JSON.stringify(one)).join(" or ")}`;
  return `${named.join(" or ")}, and the answer's ${pointer} ${is}`;
}

function exemptions({ expired, revoked, opaqueLifetimeSeconds }: Route): string[] {
  return [
    ...(expired === "forward" ? ["expired tokens"] : []),
    ...(revoked === "forward" ? ["revoked tokens"] : []),
    ...(opaqueLifetimeSeconds === undefined ? [] : ["tokens that revgate can't look into"]),
  ];
}

type Source = CredentialSource | SubjectSource | HandedOutSource;

function nameSource(source: Source): string {
  switch (source.kind) {
    case "header":
    case "cookie":
    case "query":
      return `${source.kind} ${source.name}`;
    case "webSocketProtocol":
      return `the subprotocol ${source.name}`;
    case "path":
      return `the path's {${source.name}}`;
    case "json":
      return `the body's ${source.pointer}`;
    case "form":
      return `the form's ${source.name}`;
    case "responseCookie":
      return `the answer's cookie ${source.name}`;
    case "responseHeader":
      return `the answer's header ${source.name}`;
    case "responseJson":
      return `the answer's ${source.pointer}`;
  }
}
