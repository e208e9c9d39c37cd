/** The claims by which tokens can be ended from outside, and the kind of entry that each makes. */
export const endedClaims = { subject: "sub", sid: "sid", jti: "jti" } as const;

/** One of these claims. */
export type EndedClaim = keyof typeof endedClaims;

/** Their names. */
export const endedClaimNames = ["subject", "sid", "jti"] as const satisfies readonly EndedClaim[];

/** Whether it is one of them. */
export function isEndedClaim(name: string | undefined): name is EndedClaim {
  return endedClaimNames.some((each) => each === name);
}
