import { hash } from "node:crypto";

/**
 * What a revocation of one token names: the SHA-256 of its signing input, base64url, 43 characters.
 *
 * Never the credential's text: 16 spellings of the last character of a 2048-bit RS256 signature
 * verify, so a list keyed by text can be evaded; and a store must hold nothing that works as a token.
 */
export type TokenId = string;

/** Names the token whose signing input (`header.payload`) this is. */
export function tokenIdOf(signingInput: string): TokenId {
  return hash("sha256", signingInput, "base64url");
}
