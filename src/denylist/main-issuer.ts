import { hash } from "node:crypto";

/**
 * Whose names in a store are told apart by nothing: the claims of one issuer, the main one, are named as if there were no
 * other (see token/names.ts). Which one that is belongs to the store and not to the order in a configuration: if an
 * issuer that was the main one came to stand among the others, everything that was revoked of its users would be looked
 * up under other names, and the new main issuer's users would take over the revocations of theirs.
 *
 * Issuers stand here as labelOf has them: short, in characters that every store takes, and not in clear text.
 */
export type MainIssuer =
  /** It keeps the names without an issuer for ever, wherever it stands in the configuration. */
  | { readonly main: string }
  /** It has had no name so far; the issuers beside it had theirs. */
  | { readonly main: null; readonly others: readonly string[] };

/** How an issuer is noted: 132 bits of its SHA-256. */
export function labelOf(issuer: string): string {
  return hash("sha256", issuer, "base64url").slice(0, labelLength);
}

const labelLength = 22;
/** Redis takes no longer text. An issuer that is left out is taken for a new one, which is refused rather than guessed. */
const maxOthers = 24;

/** The issuers of a configuration; `issuer` is that of `tokens.issuer`. */
export interface ConfiguredIssuers {
  readonly issuer?: string | undefined;
  readonly issuers: readonly { readonly issuer: string }[];
}

/**
 * What a store has noted after a configuration came into force; "unclear" if it can't be known whose revocations are
 * those under names without an issuer: the main issuer had no name, and now several have one.
 *
 * A store of which nothing is noted goes by the configuration: that is how its names have been made.
 */
export function settleMainIssuer(
  held: MainIssuer | undefined,
  configured: ConfiguredIssuers,
): MainIssuer | "unclear" {
  if (held !== undefined && held.main !== null) return held;
  const known = held?.others ?? [];
  const issuer = configured.issuer === undefined ? undefined : labelOf(configured.issuer);
  const named = configured.issuers.map((other) => labelOf(other.issuer));
  const unnamed = (more: readonly string[]) => unnamedBeside([...known, ...more]);
  if (issuer === undefined) return unnamed(named);
  if (held === undefined) return { main: issuer };
  // It had a name of its own beside the main one: its revocations are under that.
  if (known.includes(issuer)) return unnamed([...named, issuer]);
  return named.every((name) => known.includes(name)) ? { main: issuer } : "unclear";
}

/** What two stores that become one have noted: a name that one of them knows, if it was no other issuer in the second. */
export function joinMainIssuers(held: MainIssuer, own: MainIssuer): MainIssuer {
  if (held.main !== null) return held;
  if (own.main !== null) return held.others.includes(own.main) ? held : own;
  return unnamedBeside([...held.others, ...own.others]);
}

/** Those that are known already stay before those that are new. */
function unnamedBeside(others: readonly string[]): MainIssuer {
  return { main: null, others: [...new Set(others)].slice(0, maxOthers) };
}

/** Why a configuration can't be used with a store, and what to do. */
export function unclearReason({ issuer, issuers }: ConfiguredIssuers): string {
  const others = issuers.map((other) => other.issuer).join(", ");
  return (
    `tokens.issuer (${issuer}) gets its name together with tokens.issuers (${others}): it is unknown whose the earlier ` +
    "revocations are. First set tokens.issuer alone, to the issuer of the tokens so far; then change the issuers"
  );
}

/** As it stands in Redis and beside the journal. */
export function formatMainIssuer(held: MainIssuer): string {
  return held.main === null ? ["unnamed", ...held.others].join(" ") : `main ${held.main}`;
}

const label = /^[\w-]{22}$/;

/** Reads what formatMainIssuer wrote; undefined if it is something else. */
export function parseMainIssuer(text: string): MainIssuer | undefined {
  const [kind, ...labels] = text.split(" ");
  if (labels.length > maxOthers || !labels.every((each) => label.test(each))) return undefined;
  const [main, ...more] = labels;
  if (kind === "main" && main !== undefined && more.length === 0) return { main };
  return kind === "unnamed" ? { main: null, others: labels } : undefined;
}
