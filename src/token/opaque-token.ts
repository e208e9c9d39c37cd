import type { EpochSeconds } from "../platform/clock.ts";
import { type NamedAs, type Names, namesIn } from "./names.ts";
import type { VerifiedToken } from "./verified-token.ts";

/**
 * A token that revgate can't look into, such as a refresh token: named by its text.
 *
 * Of one in the form of a JWS the signature takes no part, and the parts of a JWE are decoded and written
 * anew: an application may accept several spellings of them (decision 0002). In no case can it get the
 * name of a token whose signature was checked, else whoever logs out could name somebody else's; but it
 * is looked up under that name too, so that a token of the issuer's stays dead when its signature is
 * spelled in a way that revgate does not accept and the application does.
 */
export function readOpaqueToken(
  text: string,
  expiresAt: EpochSeconds,
  names: Names,
): VerifiedToken {
  const parts = text.split(".");
  const signingInput = parts.length === 3 ? parts.slice(0, 2).join(".") : undefined;
  const named = signingInput ?? (parts.length === 5 ? parts.map(rewrite).join(".") : text);
  const own = namesIn({
    ...{ jti: undefined, sid: undefined, sub: undefined },
    tok: names.opaque(named),
  });
  return {
    ...own,
    isOpaque: true,
    ...(signingInput !== undefined && {
      others: [...(own.others ?? []), ...namesOfSigned(names, signingInput)],
    }),
    issuedAt: undefined,
    expiresAt,
    notBefore: undefined,
  };
}

function namesOfSigned(names: Names, signingInput: string): NamedAs[] {
  const { value, former } = names.token(signingInput);
  return [value, ...former].map((each) => ({ kind: "tok", value: each }));
}

function rewrite(part: string): string {
  return Buffer.from(part, "base64url").toString("base64url");
}
