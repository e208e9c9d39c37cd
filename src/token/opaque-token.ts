import type { EpochSeconds } from "../platform/clock.ts";
import { type Name, type NamedAs, type Names, namesIn } from "./names.ts";
import { hexadecimalSpelling, opaqueSpellings, stoppedSpellings } from "./opaque-spellings.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** The first part of a JWS or of a signed JSON object. */
const jsonPart = /^e[w-z0-9][\w+/=-]*$/;
/** PASETO: all such tokens begin with the same two parts. */
const paseto = /^v\d+\.(?:local|public)\./;

/**
 * A token that revgate can't look into, such as a refresh token: named by its text, in such a way that another
 * spelling of it has one of its names (see opaque-spellings.ts).
 *
 * Of one in the form of a JWS the signature takes no part: an application may accept several (decision 0002). In no
 * case can it get the name of a token whose signature was checked, else a client that logs out could name another user's;
 * but it is looked up under that name too, so that a token of the issuer's stays dead when its signature is
 * spelled in a way that revgate does not accept and the application does.
 */
export function readOpaqueToken(
  text: string,
  expiresAt: EpochSeconds,
  names: Names,
): VerifiedToken {
  const { written, lookedUp = [], signingInput } = spellingsOf(text);
  const own = namesIn({
    ...{ jti: undefined, sid: undefined, sub: undefined },
    tok: together(written.map(names.opaque)),
  });
  const signed = signingInput === undefined ? [] : namesOf(names.token(signingInput));
  const otherNames = [
    ...signed,
    ...lookedUp.flatMap((spelling) => namesOf(names.opaque(spelling))),
  ];
  return {
    ...own,
    isOpaque: true,
    ...(otherNames.length > 0 && { others: [...(own.others ?? []), ...otherNames] }),
    issuedAt: undefined,
    expiresAt,
    notBefore: undefined,
  };
}

interface Spellings {
  /** Those under which it is revoked, and looked up. */
  readonly written: readonly string[];
  /** Those under which it is looked up alone. */
  readonly lookedUp?: readonly string[];
  readonly signingInput?: string;
}

/** The spelling by which sidecars of before name a token is written as well, so that they find it. */
function spellingsOf(text: string): Spellings {
  const spellings = opaqueSpellings(text);
  const stopped = stoppedSpellings(text).filter((each) => !spellings.includes(each));
  if (paseto.test(text)) return { written: spellings, lookedUp: stopped };
  const loosely = hexadecimalSpelling(text);
  const hexadecimal = loosely === undefined || spellings.includes(loosely) ? [] : [loosely];
  const looser = [...stopped, ...hexadecimal];
  const parts = text.split(".");
  if (parts.length !== 3) {
    const former = parts.length === 5 ? parts.map(rewrite).join(".") : text;
    return { written: [...spellings, former], lookedUp: looser };
  }
  const signingInput = parts.slice(0, 2).join(".");
  // Signed as it stands: that has one spelling.
  return jsonPart.test(parts[0] ?? "")
    ? { written: [signingInput], lookedUp: [...spellings, ...stopped], signingInput }
    : { written: [...spellings, signingInput], lookedUp: looser, signingInput };
}

/** One name for several: what is revoked by one of them is. */
function together([first, ...more]: readonly Name[]): Name {
  const value = first?.value ?? "";
  const otherNames = new Set([...(first?.former ?? []), ...more.flatMap(valuesOf)]);
  otherNames.delete(value);
  return { value, former: [...otherNames] };
}

function valuesOf({ value, former }: Name): string[] {
  return [value, ...former];
}

function namesOf(name: Name): NamedAs[] {
  return valuesOf(name).map((value) => ({ kind: "tok", value }));
}

function rewrite(part: string): string {
  return Buffer.from(part, "base64url").toString("base64url");
}
