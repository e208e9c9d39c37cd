import { type CommandIo, print } from "../io.ts";
import { painter, type Tone } from "./paint.ts";
import type { Sidecar } from "./setup.ts";

/** What came back. */
export interface DemoAnswer {
  readonly status: number;
  readonly body: string;
}

/** One HTTP exchange, and what must come of it. */
export interface Step {
  readonly says: string;
  /** The sidecar that it goes through. */
  readonly at: Sidecar;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token?: string;
  readonly json?: unknown;
  readonly expect: { readonly status: number; readonly error?: string };
}

/** Takes steps, prints each, and knows whether all came out as they say. */
export class Walk {
  wentWell = true;
  readonly #io: CommandIo;
  readonly #paint: (tone: Tone, text: string) => string;

  constructor(io: CommandIo) {
    this.#io = io;
    this.#paint = painter(io);
  }

  /** Prints a line that is no step. */
  note(text: string): void {
    print(this.#io, this.#paint("title", text));
  }

  /** Prints what a step says, whether it came out so, and its details. */
  report(says: string, asSaid: boolean, details: readonly string[]): void {
    this.wentWell &&= asSaid;
    const title = asSaid ? this.#paint("good", `✓ ${says}`) : this.#paint("bad", `✗ ${says}`);
    print(this.#io, `\n${title}`);
    for (const detail of details) print(this.#io, this.#paint("quiet", `  ${detail}`));
  }

  /** Makes one exchange and reports it. */
  async take(step: Step): Promise<DemoAnswer> {
    const answer = await exchange(step);
    const asSaid =
      answer.status === step.expect.status &&
      (step.expect.error === undefined || errorOf(answer) === step.expect.error);
    this.report(step.says, asSaid, [
      `> ${step.method} ${step.path}`,
      ...(step.token === undefined ? [] : [`> token: ${shorten(step.token)}`]),
      ...(step.json === undefined ? [] : [`> ${JSON.stringify(step.json)}`]),
      `< ${answer.status} ${answer.body.replace(/eyJ[\w.-]+/g, shorten)}`,
      ...(asSaid ? [] : [`  expected ${JSON.stringify(step.expect)}`]),
    ]);
    return answer;
  }

  /** Logs in; resolves with the token. */
  async logIn(at: Sidecar, says: string, user: string, password: string): Promise<string> {
    const login = { method: "POST", path: "/login", expect: { status: 200 } } as const;
    return tokenOf(await this.take({ at, says, ...login, json: { user, password } }));
  }
}

async function exchange({ at, method, path, token, json }: Step): Promise<DemoAnswer> {
  const response = await fetch(`${at.url}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { token }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    },
    body: json === undefined ? null : JSON.stringify(json),
  });
  return { status: response.status, body: await response.text() };
}

function errorOf({ body }: DemoAnswer): unknown {
  const value: unknown = JSON.parse(body);
  return typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
}

function tokenOf({ body }: DemoAnswer): string {
  const value: unknown = JSON.parse(body);
  return typeof value === "object" && value !== null && "token" in value ? String(value.token) : "";
}

function shorten(token: string): string {
  return `${token.slice(0, 12)}…${token.slice(-8)}`;
}
