import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { makeToken } from "../helpers/tokens.ts";
import type { Connection, Event } from "./checker.ts";
import {
  beginAt,
  type Ending,
  endingOfSession,
  endings,
  type Life,
  type Login,
  lifeOf,
  lives,
  maxSessions,
  type SessionLogin,
  type User,
} from "./logins.ts";
import type { Random } from "./random.ts";
import type { Sidecar } from "./sidecar.ts";

const clientCount = 24;
const maxConnections = 150;

/** The clients, and what they saw. */
export class World {
  readonly events: Event[] = [];
  readonly connections: Connection[] = [];
  /** From when on each token may be refused for what it is. */
  readonly endsMs = new Map<number, number>();
  readonly #sidecars: readonly Sidecar[];
  readonly #dead: Login[] = [];
  readonly #open = new Map<Connection, WebSocket>();
  #tokens = 0;
  #stopped = false;

  constructor(sidecars: readonly Sidecar[]) {
    this.#sidecars = sidecars;
  }

  get revocations(): number {
    return this.#dead.length;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Closes what connections there are. */
  close(): void {
    for (const socket of this.#open.values()) socket.terminate();
  }

  /** Logs in, calls, ends it, and tries again what must not work, until told to stop. */
  async live(random: Random, most: number): Promise<void> {
    while (!this.#stopped) {
      if (random.between(0, 6) === 0) await this.#liveInSessions(random, most);
      const user = this.#newUser(lifeOf(random.next()));
      for (let calls = random.between(1, 3); calls > 0; calls -= 1) {
        await this.#call(this.#anySidecar(random), random.pick(user.logins));
      }
      if (random.between(0, 2) === 0) await this.#connect(random, random.pick(user.logins));
      if (this.revocations < most) await this.#end(random, user, random.pick(endings));
      if (this.#dead.length > 0) {
        await this.#call(this.#anySidecar(random), random.pick(this.#dead));
      }
    }
  }

  /** Logs in again and again where that leaves two sessions, uses those that are left, and ends one with all its tokens. */
  async #liveInSessions(random: Random, most: number): Promise<void> {
    const logins: SessionLogin[] = [];
    const name = `user${this.#tokens}`;
    while (!this.#stopped && logins.filter(({ isDone }) => isDone).length < 3) {
      await this.#beginSession(random, name, logins);
      const ended = logins.filter(({ isDead }) => isDead).flatMap(({ pair }) => pair);
      const live = logins.filter(({ isDone, isDead }) => isDone && !isDead);
      for (const login of [...ended, ...live.flatMap(({ pair }) => pair)]) {
        await this.#call(this.#anySidecar(random), login);
      }
    }
    const last = logins.findLast(({ isDone }) => isDone);
    this.#dead.push(...logins.flatMap(({ pair, isDead }) => (isDead ? pair : [])));
    if (last === undefined || this.revocations >= most) return;
    const [access, refresh] = last.pair;
    const user = { name, logins: [random.pick([access, refresh]), access, refresh] } as const;
    await this.#end(random, user, endingOfSession);
  }

  /** One login; the sessions before it may have ended if it was tried, and have if it was answered. */
  async #beginSession(random: Random, sub: string, logins: SessionLogin[]): Promise<void> {
    const sidecar = this.#anySidecar(random);
    const [normal] = lives;
    const pair = [this.#logIn({ sub }, normal), this.#logIn({ sub }, normal)] as const;
    const login: SessionLogin = { pair, isDone: false, isDead: false };
    const startedMs = performance.now();
    const outcome = await this.#ask(sidecar, (asked) => beginAt(asked, pair));
    const endedMs = performance.now();
    login.isDone = outcome === "allowed";
    logins.push(login);
    for (const [index, before] of logins.entries()) {
      const later = logins.slice(index + 1);
      if (!before.isDone || later.length < maxSessions) continue;
      const isOver = login.isDone && later.filter(({ isDone }) => isDone).length >= maxSessions;
      before.isDead ||= isOver;
      const what = { sidecar, kind: "logout", startedMs, endedMs } as const;
      for (const { number } of before.pair) {
        this.events.push({ ...what, token: number, outcome: isOver ? "allowed" : "failed" });
      }
    }
    if (outcome === "failed") await sleep(random.between(10, 200));
  }

  /** Asks every sidecar for every token that was given up. */
  async askForAllDead(): Promise<void> {
    const queue = this.#dead.flatMap((dead) =>
      this.#sidecars.map((_, sidecar) => ({ sidecar, dead })),
    );
    const work = async () => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        await this.#call(next.sidecar, next.dead);
      }
    };
    await Promise.all(Array.from({ length: clientCount }, work));
  }

  #newUser(life: Life): User {
    const name = `user${this.#tokens}`;
    const session = { sub: name, sid: `s-${name}` };
    const logins = [
      this.#logIn({ ...session, jti: `j-${name}` }, life),
      this.#logIn({ ...session }, life),
      this.#logIn({ sub: name }, life),
    ] as const;
    return { name, logins };
  }

  #logIn(claims: Record<string, unknown>, { seconds, isAllowed }: Life): Login {
    this.#tokens += 1;
    const iat = Math.floor(Date.now() / 1000);
    const exp = iat + seconds;
    const leftMs = isAllowed ? exp * 1000 - Date.now() : 0;
    this.endsMs.set(this.#tokens, performance.now() + leftMs);
    return { number: this.#tokens, token: makeToken({ iat, exp, ...claims }) };
  }

  /** Tries until it is answered; looks everywhere where the answer was yes. */
  async #end(random: Random, user: User, ending: Ending): Promise<void> {
    const ended = ending.ends(user);
    let attempts = 0;
    let outcome: Event["outcome"] = "failed";
    while (outcome === "failed" && !this.#stopped) {
      const sidecar = this.#anySidecar(random);
      const startedMs = performance.now();
      attempts += 1;
      outcome = await this.#ask(sidecar, (asked) => ending.ask(asked, user));
      const endedMs = performance.now();
      for (const { number } of ended) {
        this.events.push({ token: number, sidecar, kind: "logout", startedMs, endedMs, outcome });
      }
      if (outcome === "failed") await sleep(random.between(10, 200));
    }
    if (outcome !== "allowed") return;
    // What came to nothing known may come to something later, and mean whoever logs in until then.
    const fresh =
      attempts === 1 || !ending.hasCutoff ? [this.#logIn({ sub: user.name }, lives[0])] : [];
    await Promise.all(
      this.#sidecars.flatMap((_, sidecar) =>
        [...user.logins, ...fresh].map((login) => this.#call(sidecar, login)),
      ),
    );
    this.#dead.push(...ended);
  }

  #anySidecar(random: Random): number {
    return random.between(0, this.#sidecars.length - 1);
  }

  async #call(sidecar: number, { number, token }: Login): Promise<void> {
    const startedMs = performance.now();
    const outcome = await this.#ask(sidecar, async ({ client }) => {
      const { statusCode, body } = await client.request({
        ...{ path: "/me", method: "GET" },
        headers: { token },
      });
      await body.dump();
      return statusCode;
    });
    const endedMs = performance.now();
    this.events.push({ token: number, sidecar, kind: "call", startedMs, endedMs, outcome });
  }

  async #ask(
    sidecar: number,
    ask: (sidecar: Sidecar) => Promise<number>,
  ): Promise<Event["outcome"]> {
    const asked = this.#sidecars[sidecar];
    if (asked === undefined) throw new Error("no sidecar");
    try {
      const status = await ask(asked);
      if (status >= 200 && status <= 299) return "allowed";
      return status === 401 ? "refused" : "failed";
    } catch {
      // So that a sidecar that is down is not asked a thousand times a second.
      await sleep(20);
      return "failed";
    }
  }

  /** Opens a WebSocket, and leaves it open. */
  async #connect(random: Random, { number, token }: Login): Promise<void> {
    const sidecar = this.#anySidecar(random);
    const { port } = this.#sidecars[sidecar] ?? {};
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers: { token } });
    socket.on("error", () => {});
    const answer = new Promise<number>((resolve) => {
      socket.on("unexpected-response", (_request, { statusCode = 0 }) => {
        resolve(statusCode);
        socket.terminate();
      });
      socket.on("close", () => resolve(0));
      socket.on("open", () => {
        resolve(200);
        this.#watch(socket, { token: number, sidecar, openedMs: performance.now() });
      });
    });
    const startedMs = performance.now();
    const outcome = await this.#ask(sidecar, () => answer);
    const endedMs = performance.now();
    this.events.push({ token: number, sidecar, kind: "call", startedMs, endedMs, outcome });
  }

  #watch(socket: WebSocket, connection: Connection): void {
    this.connections.push(connection);
    this.#open.set(connection, socket);
    void once(socket, "close").then(([code]) => {
      this.#open.delete(connection);
      connection.closedMs = performance.now();
      connection.wasCut = code === 4401;
    });
    const [oldest] = this.#open.values();
    if (this.#open.size > maxConnections) oldest?.terminate();
  }
}
