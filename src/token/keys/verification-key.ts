import type { KeyObject } from "node:crypto";
import type { ClaimNames } from "../claims.ts";
import type { Algorithm } from "./algorithms.ts";

/** One key, with the only algorithms it may ever serve. */
export interface VerificationKey {
  readonly key: KeyObject;
  readonly algorithms: readonly Algorithm[];
  /** Set if the key has an id: it then serves tokens with that `kid`, and those that name none. */
  readonly kid: string | undefined;
  /** Set if the tokens of this key say in claims of their own whose they are. */
  readonly claims?: ClaimNames | undefined;
}

/** Max number of keys that one signature is tried with: a check by a key on P-521 takes a millisecond or two. */
export const maxKeysTried = 20;
