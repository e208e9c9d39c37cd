import type { Has } from "../search.ts";

/** What must hold for a session to end with all of its tokens; each is needed (decision 0060). */
export type SessionRule =
  | "a refresh continues the session"
  | "the end names the session"
  | "the answer waits for the link"
  | "a session is looked up for certain"
  | "the intent names the session"
  | "links are kept like revocations";

export type Rules = Has<SessionRule>;

/**
 * What can be known of the tokens t1 and t2, of which t1 is linked to the session s from the beginning: that t2 is linked to s
 * or to one of its own, and what has been revoked.
 */
export type Fact = "t2 in s" | "t2 by itself" | "s ended" | "t2's ended" | "t1 dead" | "t2 dead";

/** One of two sidecars: the first is asked to refresh, the second to log out. */
export interface Sidecar {
  up: boolean;
  /** Whether memory has all that Redis had when it was loaded, and follows it. */
  loaded: boolean;
  memory: Fact[];
  journal: Fact[];
  /** What the journal says that a request in progress may have ended. */
  intent: Fact[];
}

/** How far a request has come; cut: its sidecar died, or its client has gone. */
export type Progress = "none" | "looked up" | "intended" | "done" | "recorded" | "answered" | "cut";

export interface State {
  readonly sidecars: [Sidecar, Sidecar];
  redis: Fact[];
  /** Redis has lost everything, and is filled again: what is not there proves nothing. */
  filling: boolean;
  refresh: Progress;
  /** The session that the refresh found for t1. */
  found: "s" | "none";
  logout: Progress;
  /** By which token. */
  by: "t1" | "t2";
  /** What the logout is to end, as far as it has been looked up. */
  ends: Fact[];
  /** Whether the application has carried out the logout. */
  application: boolean;
  left: { crashes: number; flushes: number };
}

/** The session of t2 as some facts have it. */
export function sessionOfT2(facts: readonly Fact[]): "s" | "own" | "none" {
  if (facts.includes("t2 in s")) return "s";
  return facts.includes("t2 by itself") ? "own" : "none";
}

/** Whether facts say that a token is dead. */
export function isDead(token: "t1" | "t2", facts: readonly Fact[]): boolean {
  if (token === "t1") return facts.includes("t1 dead") || facts.includes("s ended");
  const session = sessionOfT2(facts);
  return (
    facts.includes("t2 dead") ||
    (session === "s" && facts.includes("s ended")) ||
    (session === "own" && facts.includes("t2's ended"))
  );
}

/** What a sidecar goes by: its memory, and what Redis says if memory is not proved. */
export function known({ memory, loaded }: Sidecar, redis: readonly Fact[]): Fact[] {
  return loaded ? memory : union(memory, redis);
}

/** Whether a sidecar lets tokens pass at all. */
export function serves(state: State, { up, loaded, memory }: Sidecar): boolean {
  // What the last process left unsent is in force first; what Redis lacks proves nothing while it is filled again.
  return up && (loaded || (!state.filling && areEverywhere(state, memory)));
}

/** Whether every sidecar goes by these facts: one whose memory is not proved asks Redis. */
export function areEverywhere({ sidecars, redis }: State, facts: readonly Fact[]): boolean {
  return facts.every(
    (fact) =>
      redis.includes(fact) &&
      sidecars.every(({ loaded, memory }) => !loaded || memory.includes(fact)),
  );
}

/** Facts in the order of their names, none twice. */
export function union(some: readonly Fact[], others: readonly Fact[]): Fact[] {
  return [...new Set([...some, ...others])].sort();
}
