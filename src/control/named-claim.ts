import { ControlError } from "../errors.ts";
import { type EndedClaim, endedClaims } from "../revocation/ended-claims.ts";
import type { Name } from "../token/names.ts";
import type { StoreCommandsOptions } from "./store-command.ts";

/** A claim's value, and which issuer's tokens are meant. */
export interface NamedClaim {
  readonly claim: EndedClaim;
  readonly value: string;
  readonly issuer?: string | undefined;
}

/** What names the tokens with that claim; throws ControlError if it is no issuer's, or no text. */
export function nameClaim(
  { verifier, namespaces }: Pick<StoreCommandsOptions["tokens"], "verifier" | "namespaces">,
  { claim, value, issuer }: NamedClaim,
): Name {
  if (!namespaces.has(issuer)) {
    const known = [...namespaces.keys()].filter((name) => name !== undefined);
    throw new ControlError(
      `expected one of the configured issuers (${known.join(", ")}), got ${issuer ?? "none"}`,
    );
  }
  const name = verifier.names.claim(endedClaims[claim], namespaces.get(issuer), value);
  if (name === undefined) throw new ControlError(`expected a text as ${claim}`);
  return name;
}
