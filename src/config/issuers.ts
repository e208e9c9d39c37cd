/** The main issuer, if it is named, and the others. */
interface Issuers {
  readonly issuer?: string | undefined;
  readonly issuers: readonly { readonly issuer: string }[];
}

/**
 * By issuer, what the subjects, sessions and `jti` of its tokens are told apart by; those of the main one
 * by nothing. Where there are several, each has to be named.
 */
export function namespacesOf({
  issuer,
  issuers,
}: Issuers): Map<string | undefined, string | undefined> {
  const others = issuers.map((other) => [other.issuer, other.issuer] as const);
  const main = [issuer, undefined] as const;
  const unnamed = others.length === 0 ? [[undefined, undefined] as const] : [];
  return new Map([...unnamed, main, ...others]);
}
