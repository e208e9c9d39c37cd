import { type KeySettings, reloadKeys } from "../config/key-files.ts";
import type { Config } from "../config/load.ts";
import { namingOf } from "../config/name-keys.ts";
import { requiresIssuedAt } from "../config/routes.ts";
import { formerClaims } from "../denylist/claim-readings.ts";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { Metrics } from "../observability/metrics.ts";
import { describe } from "../observability/request-log.ts";
import {
  type Clock,
  type EpochSeconds,
  type Stopwatch,
  systemStopwatch,
} from "../platform/clock.ts";
import { isSameData } from "../platform/same-data.ts";
import { explainToken, type TokenExplanation, whyInvalid } from "../token/explain-token.ts";
import type { Issuer } from "../token/issuers.ts";
import { fixedKeys, joinRings, type KeyRing } from "../token/keys/key-ring.ts";
import { RemoteKeys } from "../token/keys/remote-keys.ts";
import type { VerificationKey } from "../token/keys/verification-key.ts";
import { areSameKeys, WatchedKeys } from "../token/keys/watched-keys.ts";
import { createNames } from "../token/names.ts";
import { createVerifier, type Verifier, type VerifierOptions } from "../token/verifier.ts";
import { openIntrospection } from "./introspection.ts";
import type { StoreNaming } from "./store.ts";

/** The verifier as configured, with the keys that it lives on. */
export interface OpenVerifier extends KeySets {
  readonly verifier: Verifier;
  /** Says why it decides about a credential as it does. */
  readonly explain: (credential: string) => Promise<TokenExplanation>;
  /** The same in one line, by the keys that are here. */
  readonly whyInvalid: (credential: string) => string | undefined;
  /** The keys of each issuer of tokens that is named. */
  readonly rings: ReadonlyMap<string | undefined, KeyRing>;
  /** Why tokens of the main issuer, or some of them, can't be checked at present; undefined if all can. */
  keysTrouble(): string | undefined;
  /** The key sets that hold no keys at present: whose they are, and why. */
  emptySets(): readonly EmptySet[];
  /** Resolves when no fetch of keys is in progress. */
  settled(): Promise<void>;
  /** Stops looking for other keys. */
  close(): void;
}

/** A key set without keys. */
export interface EmptySet {
  readonly issuer: string | undefined;
  readonly trouble: string;
}

/** How up to date some keys are. */
export interface KeySets {
  /** Why some may not be their issuer's latest; undefined if all are up to date. */
  keysDoubt(): string | undefined;
  /** Seconds since the published key set was fetched that is oldest, or since it has been waited for; 0 without any. */
  keysAgeSeconds(): number;
}

/** Says how up to date the keys of some rings are. */
export function keySetsOf(rings: readonly OpenRing[]): KeySets {
  return {
    keysDoubt: () => rings.find(({ trouble }) => trouble !== undefined)?.trouble,
    keysAgeSeconds: () => Math.max(0, ...rings.map(({ ageMs }) => ageMs)) / 1000,
  };
}

/** Who counts and who logs for the verifier. */
export interface VerifierContext {
  readonly metrics: Metrics<string>["store"];
  readonly logger: Logger;
  readonly clock: Clock;
  /** The clocks by which key sets grow old; those of the machine if there are none. */
  readonly stopwatch?: Stopwatch | undefined;
  readonly clockHints?: VerifierOptions["clockHints"];
  /** The latest `exp` of a token that was issued then, as long as revocations have been remembered. */
  readonly latestExpiry?: (issuedAt: EpochSeconds | undefined) => EpochSeconds;
  /** How the store's names are made of claims. */
  readonly naming: StoreNaming;
}

/** How often key files are read again. */
const rereadMs = 2000;

/** Opens the keys of all issuers, and makes the verifier that checks by them. */
export function openVerifier(config: Config, context: VerifierContext): OpenVerifier {
  const { tokens } = config.settings;
  const opened = [tokens, ...tokens.issuers].map((issuer, index) =>
    openKeys(issuer, (index === 0 ? config.files.keys : config.files.issuerKeys[index - 1]) ?? [], {
      config,
      context,
    }),
  );
  const [main = fixedKeys([]), ...others] = opened.map(joinRings);
  const issuers = tokens.issuers.map(
    ({ issuer, audience, subjectClaim, sessionClaim }, index): Issuer => ({
      ...{ issuer, audience, namespace: issuer, claims: { subjectClaim, sessionClaim } },
      keys: others[index] ?? fixedKeys([]),
    }),
  );
  const options = verifierOptions(config, { main, issuers }, context);
  const named = [tokens, ...tokens.issuers].map(({ issuer }) => issuer);
  const rings = opened.flat();
  const introspection = openIntrospection(config, options, context);
  const verifier = createVerifier(options);
  return {
    verifier: introspection === undefined ? verifier : introspection.around(verifier),
    explain: (credential) => explainToken(credential, options),
    whyInvalid: (credential) => whyInvalid(credential, options),
    rings: ringsByIssuer([{ issuer: tokens.issuer, keys: main }, ...issuers]),
    keysTrouble: () => opened[0]?.find(isEmpty)?.trouble,
    emptySets: () => opened.flatMap((some, index) => emptyOf(some, named[index])),
    ...keySetsOf(rings),
    settled: async () => void (await Promise.all(rings.map((ring) => ring.settled()))),
    close() {
      for (const ring of rings) ring.close();
      void introspection?.close();
    },
  };
}

function verifierOptions(
  config: Config,
  { main, issuers }: { readonly main: KeyRing; readonly issuers: readonly Issuer[] },
  { metrics, clock, clockHints, latestExpiry, naming }: VerifierContext,
): VerifierOptions {
  const { settings } = config;
  const { tokens } = settings;
  return {
    keys: main,
    names: createNames(namingOf(config, naming.isMainIssuer)),
    issuer: tokens.issuer,
    audience: tokens.audience,
    issuers,
    subjectClaim: tokens.subjectClaim,
    sessionClaim: tokens.sessionClaim,
    formerClaims: (token) => formerClaims(naming.readings(), token),
    forwardClaims: new Map(Object.entries(tokens.forwardClaims)),
    ...requirementsOf(settings),
    clockToleranceSeconds: tokens.clockTolerance / 1000,
    maxLifetimeSeconds: tokens.maxLifetime / 1000,
    cacheEntries: tokens.cacheEntries,
    ...{ clock, clockHints },
    ...(latestExpiry && { latestExpiry }),
    onCacheLookup: (hit) => metrics.cacheLookups[hit ? "hit" : "miss"].inc(),
    onSignatureCheck: () => metrics.signatureChecks.inc(),
  };
}

/** An issuer that is configured twice, for two audiences say, signs with the keys of both. */
function ringsByIssuer(
  issuers: readonly Pick<Issuer, "issuer" | "keys">[],
): Map<string | undefined, KeyRing> {
  const names = new Set(issuers.map(({ issuer }) => issuer));
  const ringOf = (name: string | undefined) =>
    joinRings(issuers.filter(({ issuer }) => issuer === name).map(({ keys }) => keys));
  return new Map([...names].map((name) => [name, ringOf(name)]));
}

/**
 * The verifier for a changed configuration: the one that is there, where nothing changed for it, or
 * another, whose keys have all been fetched.
 *
 * Rejects with ConfigError where some can't be: the old ones are better than none.
 */
export async function reopenVerifier(
  config: Config,
  context: VerifierContext,
  running: { readonly config: Config; readonly verification: OpenVerifier },
): Promise<OpenVerifier> {
  if (isSameFor(config, running.config)) return running.verification;
  const verification = openVerifier(config, context);
  await verification.settled();
  // An issuer without keys for a while must not keep the operator from changing what the others need.
  const known = running.verification.emptySets().map(({ issuer }) => issuer);
  const troubles = verification.emptySets().filter(({ issuer }) => !known.includes(issuer));
  if (troubles.length === 0) return verification;
  verification.close();
  throw new ConfigError(troubles.map(({ trouble }) => trouble));
}

function isEmpty({ keys }: OpenRing): boolean {
  return keys.length === 0;
}

function emptyOf(rings: readonly OpenRing[], issuer: string | undefined): EmptySet[] {
  return rings
    .filter(isEmpty)
    .flatMap(({ trouble }) => (trouble === undefined ? [] : [{ issuer, trouble }]));
}

/** Whether a verifier for one configuration does for another. */
function isSameFor(one: Config, other: Config): boolean {
  const basis = ({ settings }: Config) => ({ ...settings.tokens, ...requirementsOf(settings) });
  const keysOf = ({ files }: Config) => [files.keys, ...files.issuerKeys];
  if (one.files.introspectionSecret !== other.files.introspectionSecret) return false;
  return (
    isSameData(basis(one), basis(other)) &&
    keysOf(one).every((keys, index) => areSameKeys(keys, keysOf(other)[index] ?? []))
  );
}

/** What other groups of settings ask of tokens. */
function requirementsOf(settings: Config["settings"]) {
  const { tokenBytes } = settings.limits;
  return { requireIssuedAt: requiresIssuedAt(settings), tokenBytes };
}

/** Keys that are looked after until they are closed. */
export type OpenRing = KeyRing & {
  /** Milliseconds since they were fetched, or have been waited for; 0 for those of files. */
  readonly ageMs: number;
  settled(): Promise<void>;
  close(): void;
};

/** Opens the keys of one issuer: those of its files, which were read at start, and those that it publishes. */
export function openKeys(
  settings: KeySettings,
  keys: readonly VerificationKey[],
  {
    config,
    context,
  }: { config: Config; context: Pick<VerifierContext, "logger" | "metrics" | "stopwatch"> },
): OpenRing[] {
  const { logger, metrics, stopwatch = systemStopwatch } = context;
  const { refresh, coolDown, timeout, maxAge, maxBytes, proxy } = config.settings.tokens.jwks;
  const sets = settings.keys.flatMap((key) => {
    const { jwksUrl, insecureJwksUrl, subjectClaim, sessionClaim, caFile } = key;
    const url = jwksUrl ?? insecureJwksUrl;
    const ca = caFile === undefined ? undefined : config.files.keySetAuthorities.get(caFile);
    return url === undefined ? [] : [{ url, ca, claims: { subjectClaim, sessionClaim } }];
  });
  const remote = sets.map(
    ({ url, ca, claims }) =>
      new RemoteKeys({
        ...{ url, ca, proxy, claims, now: stopwatch },
        algorithms: settings.algorithms,
        refreshMs: refresh,
        coolDownMs: coolDown,
        timeoutMs: timeout,
        maxAgeMs: maxAge,
        maxBytes,
        onLeftOut: (keys) =>
          logger.warn(
            { url: url.href, leftOut: keys },
            "some keys of a key set cannot be used and are left out",
          ),
        onFetch(result) {
          const failed = result instanceof Error;
          metrics.jwksFetches[failed ? "failed" : "ok"].inc();
          if (failed)
            logger.warn(
              { url: url.href, cause: describe(result) },
              "a key set could not be fetched",
            );
        },
      }),
  );
  const watched = new WatchedKeys({
    keys,
    everyMs: rereadMs,
    reload: () => reloadKeys(settings, config.directory),
    onReload(result) {
      if (result instanceof Error) {
        logger.error(
          { cause: describe(result) },
          "the key files cannot be used; the previous keys stay in use",
        );
      } else {
        logger.info({ keys: result }, "the key files have changed; the new keys are in use");
      }
    },
  });
  return keys.length === 0 ? remote : [watched, ...remote];
}
