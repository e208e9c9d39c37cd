import type { TestContext } from "node:test";

type After = Pick<TestContext, "after">;

/** What is attacked: revgate, or the naive gate. */
export interface Gatekeeper {
  readonly url: string;
  readonly port: number;
  /** Where its metrics are, if it has any. */
  readonly adminUrl?: string;
  /** Everything it has written so far, logs and errors. */
  logged(): string;
}

/** Where a gatekeeper is to stand. */
export interface Placement {
  /** The application's address. */
  readonly upstream: string;
  /** Further settings, for those that have any. */
  readonly yaml?: string;
}

/** Puts a gatekeeper in front of an application; it ends with the test. */
export type PlaceGatekeeper = (t: After, placement: Placement) => Promise<Gatekeeper>;

/** One thing that is tried. */
export interface Vector<Site> {
  readonly name: string;
  /** Where it is described: a section of an RFC, an advisory, a corpus. */
  readonly source: string;
  /** Resolves when the gate holds, rejects when the attack succeeds. */
  readonly attempt: (site: Site) => Promise<void>;
}

/** Vectors of one kind, and the site on which they are tried one after the other. */
export interface AttackClass<Site> {
  readonly name: string;
  /** What has gone wrong in this way before. */
  readonly advisories: readonly string[];
  readonly open: (t: TestContext, place: PlaceGatekeeper) => Promise<Site>;
  readonly vectors: readonly Vector<Site>[];
}

/** A class whose site is nobody else's business. */
export interface Attacks {
  readonly name: string;
  readonly advisories: readonly string[];
  readonly vectors: readonly Pick<Vector<never>, "name" | "source">[];
  /** Opens the site; what it resolves to tries the vectors, in the order of `vectors`. */
  prepare(t: TestContext, place: PlaceGatekeeper): Promise<readonly (() => Promise<void>)[]>;
}

export function defineAttacks<Site>(definition: AttackClass<Site>): Attacks {
  const { name, advisories, vectors, open } = definition;
  return {
    name,
    advisories,
    vectors,
    async prepare(t, place) {
      const site = await open(t, place);
      return vectors.map((vector) => () => vector.attempt(site));
    },
  };
}
