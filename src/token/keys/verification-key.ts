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
