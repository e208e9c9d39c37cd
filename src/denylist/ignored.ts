/** Where something was found that no revgate of this version has written. */
export const ignoredSources = [
  "journal",
  "feed",
  "entry",
  "epoch",
  "lifetimes",
  "sidecars",
] as const;
/** One of them. */
export type IgnoredSource = (typeof ignoredSources)[number];

/** Something that was handed over and is not believed. */
export interface Ignored {
  readonly source: IgnoredSource;
  /** What is wrong with it: one of a few texts. */
  readonly cause: string;
  /** The beginning of what was found, quoted. */
  readonly excerpt: string;
}

/** Told of everything that is not believed. */
export type OnIgnored = (ignored: Ignored) => void;

const maxExcerpt = 100;

/** Describes what is not believed, for the log. */
export function ignored(source: IgnoredSource, cause: string, found: string): Ignored {
  return { source, cause, excerpt: JSON.stringify(found.slice(0, maxExcerpt)) };
}
