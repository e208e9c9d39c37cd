import { createHmac, hash } from "node:crypto";
import { claimText } from "./claims.ts";

/** What a claim of a token can name, in the denylist's words. */
export type ClaimKind = "jti" | "sid" | "sub";

/** A name as the denylist looks it up. */
export interface NamedAs {
  readonly kind: "tok" | ClaimKind;
  readonly value: string;
}

/**
 * What a revocation calls something: 256 bits, base64url, 43 characters.
 *
 * `former`: how the same thing is called by sidecars of before, with another name key or with none. While
 * one of those may live, or a revocation that it made, everything is written and looked up under both.
 */
export interface Name {
  readonly value: string;
  readonly former: readonly string[];
}

/** Names what can be revoked. The same thing has the same name on every sidecar with the same settings. */
export interface Names {
  /** The token with that signing input (`header.payload`). Never the credential's text (decision 0002). */
  token(signingInput: string): Name;
  /** A token that revgate can't look into, as opaque-token.ts spells it. */
  opaque(spelling: string): Name;
  /**
   * What a claim names; undefined if it is no text and no whole number (see claims.ts). `namespace` tells the issuers apart whose claims these
   * are (RFC 7519 section 4.1.2): the issuer's name, or undefined if it has none. One of them is named as if it had none
   * (`isMainIssuer`).
   */
  claim(kind: ClaimKind, namespace: string | undefined, value: unknown): Name | undefined;
  /** An identity provider's event, to know it when it comes again; it is kept among the `jti`. */
  event(issuer: string, jti: string): Name;
  /** The forms in which names are made, today's first: what sidecars of one store must have in common. */
  readonly forms: readonly string[];
}

/** Which names are made. */
export interface NamingOptions {
  /** The secret of `denylist.nameKeyFile`; undefined: names are plain hashes. */
  readonly key?: Buffer | undefined;
  /** The secret of `denylist.formerNameKeyFile`, of which names are still written and looked up. */
  readonly formerKey?: Buffer | undefined;
  /** Whether the names of earlier builds, and those without a key, are still written and looked up. */
  readonly formerNames?: boolean | undefined;
  /** Whether an issuer's claims are named as if it had no name (see denylist/main-issuer.ts); undefined: none's that has one. */
  readonly isMainIssuer?: ((issuer: string) => boolean) | undefined;
}

/** Something that can be named: no two have one name. */
interface Fact {
  readonly kind: "tok" | "opaque" | "event" | ClaimKind;
  /** Whose it is; undefined for the main issuer's, and for tokens, which name their issuer themselves. */
  readonly issuer: string | undefined;
  readonly value: string;
}

/** One way to make names; undefined if it has none for something. */
interface Form {
  /** Tells which one, to other sidecars and to operators; says nothing of the key. */
  readonly label: string;
  nameOf(fact: Fact): string | undefined;
}

/** Makes what names revocations. */
export function createNames(options: NamingOptions = {}): Names {
  const [current = plain, ...others] = formsOf(options);

  function name(fact: Fact): Name {
    const value = current.nameOf(fact) ?? "";
    const otherNames = others.map((form) => form.nameOf(fact));
    // A token is called the same in several forms.
    const former = new Set(otherNames.filter((each) => each !== undefined && each !== value));
    return { value, former: [...former] as string[] };
  }

  return {
    token: (value) => name({ kind: "tok", issuer: undefined, value }),
    opaque: (value) => name({ kind: "opaque", issuer: undefined, value }),
    claim(kind, namespace, claim) {
      const value = claimText(claim);
      const isMain = namespace !== undefined && options.isMainIssuer?.(namespace);
      const issuer = isMain === true ? undefined : namespace;
      return value === undefined ? undefined : name({ kind, issuer, value });
    },
    event: (issuer, value) => name({ kind: "event", issuer, value }),
    forms: [current, ...others].map(({ label }) => label),
  };
}

function formsOf({ key, formerKey, formerNames = false }: NamingOptions): Form[] {
  return [
    ...(key === undefined ? [plain] : [keyed(key)]),
    ...(formerKey === undefined ? [] : [keyed(formerKey)]),
    ...(formerNames && key !== undefined ? [plain] : []),
    ...(formerNames ? [first] : []),
  ];
}

/**
 * One text for each fact, and no two for one: JSON keeps kind, issuer and value apart, whatever they hold.
 *
 * Strings that are no Unicode are escaped by it, so that they don't meet in U+FFFD when they become bytes.
 */
function textOf({ kind, issuer, value }: Fact): string {
  return JSON.stringify([kind, issuer ?? null, value]);
}

/** In no text's UTF-8: what begins with it is no signing input, and nothing that the first form has hashed. */
const noText = Buffer.from([0xff]);

/**
 * SHA-256. Tokens are called by their signing input alone, as ever, so that they can be looked up by hand;
 * an opaque one can't meet them, since no signing input has a colon.
 */
const plain: Form = {
  label: "sha256",
  nameOf(fact) {
    if (fact.kind === "tok") return hash("sha256", fact.value, "base64url");
    if (fact.kind === "opaque" && isUnicode(fact.value)) {
      return hash("sha256", `opaque:${fact.value}`, "base64url");
    }
    return hash("sha256", Buffer.concat([noText, Buffer.from(textOf(fact))]), "base64url");
  },
};

/**
 * HMAC-SHA-256: who reads the store can't find out by guessing whose names these are. Tokens too: where
 * one holds little more than a subject and the second of its issue, its signing input can be guessed.
 */
function keyed(key: Buffer): Form {
  const digest = (text: string) => createHmac("sha256", key).update(text).digest("base64url");
  return {
    // No fact has that text, so it is the name of nothing else.
    label: `hmac-sha256:${digest("fingerprint").slice(0, 16)}`,
    nameOf: (fact) => digest(textOf(fact)),
  };
}

const formerEvent = "event of ";

/**
 * The names of revgate 0.1: the main issuer's claims by their bare hash, those of others together with
 * their issuer. There a main subject that was the text `["issuer","subject"]` was somebody else, so such
 * a one has no name in this form; nor has one that is no Unicode, nor an issuer that is called like an event.
 */
const first: Form = {
  label: "sha256-0.1",
  nameOf(fact) {
    const { kind, issuer, value } = fact;
    if (kind === "tok" || kind === "opaque") return plain.nameOf(fact);
    if (kind === "event") return hashOfPair(`${formerEvent}${issuer ?? ""}`, value);
    if (issuer === undefined) {
      const isAnothers = value.startsWith('["') || !isUnicode(value);
      return isAnothers ? undefined : hash("sha256", value, "base64url");
    }
    return issuer.startsWith(formerEvent) ? undefined : hashOfPair(issuer, value);
  },
};

/** Whether a text stays what it is when it becomes bytes: a half of a surrogate pair does not. */
function isUnicode(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function hashOfPair(issuer: string, value: string): string {
  return hash("sha256", JSON.stringify([issuer, value]), "base64url");
}

/** The names of one token, in the form in which a verified token has them; `lookedUp`: more that it may have been revoked by. */
export function namesIn(
  by: Readonly<Record<"tok", Name> & Record<ClaimKind, Name | undefined>>,
  lookedUp: readonly NamedAs[] = [],
) {
  const former = Object.entries(by).flatMap(([kind, name]) =>
    (name?.former ?? []).map((value) => ({ kind, value }) as NamedAs),
  );
  return {
    id: by.tok.value,
    jti: by.jti?.value,
    sid: by.sid?.value,
    subject: by.sub?.value,
    // Most have none, and are spared two more fields.
    ...(former.length > 0 && { former }),
    ...(former.length + lookedUp.length > 0 && { others: [...former, ...lookedUp] }),
  };
}

/** Names without a key, as they are today. */
export const plainNames = createNames();
