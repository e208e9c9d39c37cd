/** The main issuer, if it is named, and the others. */
interface Issuers {
  readonly issuer?: string | undefined;
  readonly issuers: readonly { readonly issuer: string }[];
}

/**
 * By issuer as settings and callers name it, what the subjects, sessions and `jti` of its tokens are told apart by. If
 * there are several, each has to be named; one that is alone need not be.
 */
export function namespacesOf({
  issuer,
  issuers,
}: Issuers): Map<string | undefined, string | undefined> {
  const others = issuers.map((other) => [other.issuer, other.issuer] as const);
  const main = [issuer, issuer] as const;
  const unnamed = others.length === 0 ? [[undefined, issuer] as const] : [];
  return new Map([...unnamed, main, ...others]);
}

/** Where a configuration speaks of issuers. */
interface Mentions {
  readonly tokens: Issuers;
  readonly routes: readonly {
    readonly subjectFrom?: "carried" | { readonly issuer?: string | undefined } | undefined;
  }[];
  readonly signals: {
    readonly backchannelLogout: readonly { readonly issuer?: string | undefined }[];
    readonly transmitters: readonly {
      readonly issuer: string;
      readonly keys: readonly unknown[];
    }[];
  };
}

interface Mention {
  readonly path: readonly (string | number)[];
  readonly issuer: string | undefined;
  readonly isKnown: boolean;
}

/** Something that is wrong with an issuer, and where. */
interface IssuerProblem {
  readonly path: Mention["path"];
  readonly message: string;
}

/** The main issuer once more among the others: its subjects would have two names, and be ended by one. */
export function repeatedIssuers({ tokens: { issuer, issuers } }: Mentions): IssuerProblem[] {
  const message =
    "expected another issuer than tokens.issuer; put all keys of that issuer into tokens.keys";
  return issuers.flatMap((other, index) =>
    other.issuer === issuer ? [{ path: ["tokens", "issuers", index, "issuer"], message }] : [],
  );
}

/** Every mention of an issuer that is none of those whose tokens are accepted. */
export function unknownIssuers(settings: Mentions): IssuerProblem[] {
  const issuers = namespacesOf(settings.tokens);
  const known = [...issuers.keys()].filter((name) => name !== undefined);
  const names = known.join(", ") || "none is named there";
  const message = `expected an issuer of tokens.issuer or tokens.issuers: ${names}`;
  return mentionsIn(settings, issuers, known).flatMap(({ path, issuer, isKnown }) =>
    isKnown ? [] : [{ path: issuer === undefined ? path : [...path, "issuer"], message }],
  );
}

function mentionsIn(
  { routes, signals }: Mentions,
  issuers: ReadonlyMap<string | undefined, unknown>,
  known: readonly string[],
): Mention[] {
  const resets = routes.map(({ subjectFrom }, index) => ({
    path: ["routes", index, "subjectFrom"],
    issuer: isPlace(subjectFrom) ? subjectFrom.issuer : undefined,
    isKnown: !isPlace(subjectFrom) || issuers.has(subjectFrom.issuer),
  }));
  // A logout token always names its issuer, so that has to be known by name.
  const logouts = signals.backchannelLogout.map(({ issuer }, index) => ({
    path: ["signals", "backchannelLogout", index],
    issuer,
    isKnown: issuer === undefined ? known.length === 1 : known.includes(issuer),
  }));
  // Without keys of its own, a transmitter signs with those of its tokens.
  const transmitters = signals.transmitters.map(({ issuer, keys }, index) => ({
    path: ["signals", "transmitters", index],
    issuer,
    isKnown: keys.length > 0 || known.includes(issuer),
  }));
  return [...resets, ...logouts, ...transmitters];
}

/** Whether a rule names subjects that are not those of the tokens it is reached with. */
function isPlace<Place>(subjectFrom: "carried" | Place | undefined): subjectFrom is Place {
  return subjectFrom !== undefined && subjectFrom !== "carried";
}
