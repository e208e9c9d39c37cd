import type { VerifiedToken } from "./verified-token.ts";

/** How many tokens were verified, and how many of them can be ended by what: each once. */
export interface SeenTokens {
  readonly tokens: number;
  readonly subject: number;
  readonly sid: number;
  readonly jti: number;
}

/** Whether tokens were seen, and none of them carried that. */
export function isNeverCarried(
  what: Exclude<keyof SeenTokens, "tokens">,
  seen: SeenTokens,
): boolean {
  return seen.tokens > 0 && seen[what] === 0;
}

/** What was seen in two places. */
export function sumOfSeen(one: SeenTokens, other: SeenTokens): SeenTokens {
  return {
    tokens: one.tokens + other.tokens,
    subject: one.subject + other.subject,
    sid: one.sid + other.sid,
    jti: one.jti + other.jti,
  };
}

/** Counts a token that was verified for the first time. */
export function countSeen(
  seen: { -readonly [name in keyof SeenTokens]: number },
  { subject, sid, jti }: VerifiedToken,
): void {
  seen.tokens += 1;
  if (subject !== undefined) seen.subject += 1;
  if (sid !== undefined) seen.sid += 1;
  if (jti !== undefined) seen.jti += 1;
}
