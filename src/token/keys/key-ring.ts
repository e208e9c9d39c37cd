import type { VerificationKey } from "./verification-key.ts";

/** The keys of an issuer, as they are at this moment. */
export interface KeyRing {
  readonly keys: readonly VerificationKey[];
  /** Whether the issuer may have keys for that `alg` that are not there yet. */
  mayGet(alg: unknown): boolean;
  /**
   * Looks for a key that is not there: resolves when all has been tried that can be tried now. Undefined
   * if that has been done a moment ago, or if it has no source to look in.
   */
  lookFor(): Promise<void> | undefined;
  /**
   * Looks for a key, and waits until it is this search's turn: resolves once `isFound` holds, at the latest
   * when a fetch has ended that began after the call. The searches of others do not use that up.
   */
  seek(isFound: () => boolean): Promise<void>;
  /** Why keys may be missing that the issuer has; undefined if none are. */
  readonly trouble: string | undefined;
  /** Calls back whenever the keys are others. */
  onChange(listener: () => void): void;
}

/** Keys that stay what they are. */
export function fixedKeys(keys: readonly VerificationKey[]): KeyRing {
  const nowhere = { lookFor: () => undefined, seek: async () => {} };
  return { keys, mayGet: () => false, ...nowhere, trouble: undefined, onChange() {} };
}

/** Seeks in several rings at once; resolves as soon as it is found in one. The rings keep `isFound` until they have looked. */
export function seekIn(rings: readonly KeyRing[], isFound: () => boolean): Promise<void> {
  const each = rings.map((ring) => ring.seek(isFound));
  return new Promise((resolve, reject) => {
    for (const one of each) one.then(() => isFound() && resolve(), reject);
    Promise.all(each).then(() => resolve(), reject);
  });
}

/** Several rings as one. */
export function joinRings(rings: readonly KeyRing[]): KeyRing {
  const [only] = rings;
  if (only !== undefined && rings.length === 1) return only;
  let keys = rings.flatMap((ring) => ring.keys);
  for (const ring of rings) {
    ring.onChange(() => {
      keys = rings.flatMap((each) => each.keys);
    });
  }
  return {
    mayGet: (alg) => rings.some((ring) => ring.mayGet(alg)),
    get keys() {
      return keys;
    },
    get trouble() {
      return rings.find(({ trouble }) => trouble !== undefined)?.trouble;
    },
    lookFor() {
      const searches = rings.flatMap((ring) => ring.lookFor() ?? []);
      return searches.length === 0 ? undefined : Promise.all(searches).then(() => {});
    },
    seek: (isFound) => seekIn(rings, isFound),
    onChange(listener) {
      for (const ring of rings) ring.onChange(listener);
    },
  };
}
