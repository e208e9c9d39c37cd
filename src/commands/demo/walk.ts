import { type CommandIo, print } from "../io.ts";
import type { DemoSetup } from "./setup.ts";

/** What came back. */
interface Answer {
  readonly status: number;
  readonly body: string;
}

/** One HTTP exchange, and what must come of it. */
interface Step {
  readonly says: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token?: string;
  readonly json?: unknown;
  readonly expect: { readonly status: number; readonly error?: string };
}

const orders = { method: "GET", path: "/orders" } as const;
const refused = { status: 401, error: "token_revoked" };

/** Walks a person through it; resolves with whether every step came out as it says. */
export async function walkThrough(setup: DemoSetup, io: CommandIo): Promise<boolean> {
  print(io, `An application that knows nothing of revocation: ${setup.applicationUrl}`);
  print(io, `revgate in front of it: ${setup.gateUrl}`);
  const walk = new Walk(setup, io);
  const alice = await walk.logIn("alice", "wonderland");
  const bob = await walk.logIn("bob", "builder");

  await walk.take({ says: "she calls", ...orders, token: alice, expect: { status: 200 } });
  await walk.take({
    says: "she logs out",
    method: "POST",
    path: "/logout",
    token: alice,
    expect: { status: 200 },
  });
  await walk.take({ says: "the same call again", ...orders, token: alice, expect: refused });
  await walk.take({
    says: "the same token, its signature spelled differently",
    ...orders,
    token: respell(alice),
    expect: { status: 401 },
  });
  await walk.take({ says: "bob is not concerned", ...orders, token: bob, expect: { status: 200 } });

  await setup.killAndRestart();
  print(io, "\n  revgate was killed (SIGKILL) and started again");
  const before = await readMetrics(setup);
  await walk.take({ says: "her token is still dead", ...orders, token: alice, expect: refused });
  await walk.take({ says: "and his still lives", ...orders, token: bob, expect: { status: 200 } });

  return (await printMetrics(setup, before, io)) && walk.wentWell;
}

/** The steps taken so far. */
class Walk {
  wentWell = true;
  readonly #setup: DemoSetup;
  readonly #io: CommandIo;

  constructor(setup: DemoSetup, io: CommandIo) {
    this.#setup = setup;
    this.#io = io;
  }

  async logIn(user: string, password: string): Promise<string> {
    const answer = await this.take({
      says: `${user} logs in, and gets a token that lives for three days`,
      method: "POST",
      path: "/login",
      json: { user, password },
      expect: { status: 200 },
    });
    return tokenOf(answer);
  }

  async take(step: Step): Promise<Answer> {
    const answer = await exchange(this.#setup.gateUrl, step);
    const asSaid =
      answer.status === step.expect.status &&
      (step.expect.error === undefined || errorOf(answer) === step.expect.error);
    this.wentWell &&= asSaid;

    const say = (text: string) => print(this.#io, text);
    say(`\n${asSaid ? "✓" : "✗"} ${step.says}`);
    say(`  > ${step.method} ${step.path}`);
    if (step.token !== undefined) say(`  > token: ${shorten(step.token)}`);
    if (step.json !== undefined) say(`  > ${JSON.stringify(step.json)}`);
    say(`  < ${answer.status} ${answer.body.replace(/eyJ[\w.-]+/g, shorten)}`);
    if (!asSaid) say(`    expected ${JSON.stringify(step.expect)}`);
    return answer;
  }
}

async function exchange(gateUrl: string, step: Step): Promise<Answer> {
  const response = await fetch(`${gateUrl}${step.path}`, {
    method: step.method,
    headers: {
      ...(step.token === undefined ? {} : { token: step.token }),
      ...(step.json === undefined ? {} : { "content-type": "application/json" }),
    },
    body: step.json === undefined ? null : JSON.stringify(step.json),
  });
  return { status: response.status, body: await response.text() };
}

/** The last base64url character of a 2048-bit signature has four spare bits: sixteen spellings decode alike. */
function respell(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) ?? "");
  return `${token.slice(0, -1)}${alphabet[last ^ 1]}`;
}

function errorOf({ body }: Answer): unknown {
  const value: unknown = JSON.parse(body);
  return typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
}

function tokenOf({ body }: Answer): string {
  const value: unknown = JSON.parse(body);
  return typeof value === "object" && value !== null && "token" in value ? String(value.token) : "";
}

function shorten(token: string): string {
  return `${token.slice(0, 12)}…${token.slice(-8)}`;
}

const shownMetrics =
  /^revgate_(?:requests_total|revocations_total|denylist_entries|verification_cache)/;

async function readMetrics({ adminUrl }: DemoSetup): Promise<Map<string, number>> {
  const response = await fetch(`${adminUrl}/metrics`);
  const lines = (await response.text()).split("\n").filter((line) => shownMetrics.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** Prints what moved since `before`; false where nothing did. */
async function printMetrics(
  setup: DemoSetup,
  before: ReadonlyMap<string, number>,
  io: CommandIo,
): Promise<boolean> {
  const moved = [...(await readMetrics(setup))].filter(
    ([name, value]) => value !== (before.get(name) ?? 0),
  );
  print(
    io,
    `\n${moved.length > 0 ? "✓" : "✗"} what Prometheus sees since the restart (${setup.adminUrl}/metrics)`,
  );
  for (const [name, value] of moved) print(io, `  ${name} ${value}`);
  return moved.length > 0;
}
