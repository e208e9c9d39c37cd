import type { Sidecar } from "./sidecar.ts";

/** A token of a user, by its number in the history. */
export interface Login {
  readonly number: number;
  readonly token: string;
}

/** Somebody with two tokens of one session, and one of another device. */
export interface User {
  readonly name: string;
  readonly logins: readonly [Login, Login, Login];
}

/** A way in which tokens end: which of a user's, and how it is asked for. */
export interface Ending {
  readonly ends: (user: User) => readonly Login[];
  readonly ask: (sidecar: Sidecar, user: User) => Promise<number>;
  /** Whether a token that is issued afterwards could be meant, too, where an attempt came to nothing known. */
  readonly hasCutoff: boolean;
}

/** For how long tokens live: for the whole run, for a moment, and for longer than some settings allow. */
export const lives = [
  { seconds: 20 * 60, share: 0.7, isAllowed: true },
  { seconds: 5, share: 0.2, isAllowed: true },
  { seconds: 60 * 60, share: 0.1, isAllowed: false },
] as const;
/** One of them. */
export type Life = (typeof lives)[number];

const first = ({ logins: [login] }: User) => [login];
const both = ({ logins: [login, second] }: User) => [login, second];
const all = ({ logins }: User) => logins;
const elsewhere = ({ logins: [, , third] }: User) => [third];
const post = (path: string, method: "POST" | "PUT" = "POST") => {
  return async ({ client }: Sidecar, { logins: [{ token }] }: User) => {
    const { statusCode, body } = await client.request({ path, method, headers: { token } });
    await body.dump();
    return statusCode;
  };
};

/** Half of them as an application has them, the rest from outside and by subject. */
export const endings: readonly Ending[] = [
  { ends: first, ask: post("/logout"), hasCutoff: false },
  { ends: first, ask: post("/change-password"), hasCutoff: false },
  { ends: all, ask: post("/password", "PUT"), hasCutoff: true },
  { ends: both, ask: post("/session"), hasCutoff: false },
  { ends: elsewhere, ask: post("/others"), hasCutoff: true },
  { ends: all, ask: (sidecar, { name }) => sidecar.end({ subject: name }), hasCutoff: true },
  { ends: both, ask: (sidecar, { name }) => sidecar.end({ sid: `s-${name}` }), hasCutoff: false },
  { ends: first, ask: (sidecar, { name }) => sidecar.end({ jti: `j-${name}` }), hasCutoff: false },
];

/** What a user's login handed out, where it begins a session. */
export interface SessionLogin {
  readonly pair: readonly [access: Login, refresh: Login];
  /** Whether it was answered. */
  isDone: boolean;
  /** Whether later ones have ended it. */
  isDead: boolean;
}

/** As the rule for `/begin` has it. */
export const maxSessions = 2;
/** A logout of a session that began at `/begin`. */
export const endingOfSession: Ending = { ends: all, ask: post("/session"), hasCutoff: false };

/** A login that hands out these. */
export async function beginAt({ client }: Sidecar, [access, refresh]: SessionLogin["pair"]) {
  const headers = { "x-access": access.token, "x-refresh": refresh.token };
  const { statusCode, body } = await client.request({ path: "/begin", method: "POST", headers });
  await body.dump();
  return statusCode;
}

/** How long the tokens of a user live, of whom so large a part comes before. */
export function lifeOf(part: number): Life {
  const [normal, short, long] = lives;
  if (part < short.share) return short;
  return part < short.share + long.share ? long : normal;
}
