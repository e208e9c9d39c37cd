import type { VerificationKey } from "./verification-key.ts";

/** The keys of an issuer, as they are at this moment. */
export interface KeyRing {
  readonly keys: readonly VerificationKey[];
  /** Whether the issuer may have keys that are not there yet. */
  readonly grows: boolean;
  /**
   * Looks for a key that is not there: resolves when all has been tried that can be tried now. Undefined
   * where that has been done a moment ago, or where there is nowhere to look.
   */
  lookFor(): Promise<void> | undefined;
  /** Why keys may be missing that the issuer has; undefined where none are. */
  readonly trouble: string | undefined;
  /** Calls back whenever the keys are others. */
  onChange(listener: () => void): void;
}

/** Keys that stay what they are. */
export function fixedKeys(keys: readonly VerificationKey[]): KeyRing {
  return { keys, grows: false, lookFor: () => undefined, trouble: undefined, onChange() {} };
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
    grows: rings.some(({ grows }) => grows),
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
    onChange(listener) {
      for (const ring of rings) ring.onChange(listener);
    },
  };
}
