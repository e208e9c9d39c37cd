import type { ClaimNames } from "./claims.ts";
import type { CompactJws } from "./compact-jws.ts";
import type { KeyRing } from "./keys/key-ring.ts";
import type { Audience } from "./signature.ts";

/** One issuer: what its tokens are signed with, and whom they are for. */
export interface Issuer {
  /** The `iss` of its tokens; undefined: any. */
  readonly issuer: string | undefined;
  /** One of these must be among their `aud`; undefined: they may be for anybody. */
  readonly audience: Audience;
  readonly keys: KeyRing;
  /** What its subjects, sessions and `jti` are told apart by from those of other issuers; undefined if it has no name. */
  readonly namespace?: string | undefined;
  /** Set if its tokens say in claims of their own whose they are. */
  readonly claims?: ClaimNames | undefined;
}

/** Those whose tokens say `iss` as this one does; one that has no name takes any. */
export function issuersNamedIn({ payload }: CompactJws, issuers: readonly Issuer[]): Issuer[] {
  return issuers.filter(({ issuer }) => issuer === undefined || issuer === payload["iss"]);
}
