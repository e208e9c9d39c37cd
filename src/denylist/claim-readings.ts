import { hash } from "node:crypto";
import { type EpochSeconds, largestToleranceSeconds } from "../platform/clock.ts";

/** Which claims say whose tokens are, and of which session, and since when no others do. */
export interface ClaimReadings {
  /** Tells the present configuration from others: what each issuer and key reads. */
  readonly label: string;
  /** When another configuration was seen last; 0 if there was none. */
  readonly changedAt: EpochSeconds;
  /** All claims that revocations of subjects in the store may go by, the latest first. */
  readonly subject: readonly string[];
  /** The same for sessions. */
  readonly session: readonly string[];
}

/** What a configuration reads: of each issuer, and of each of its keys that has claims of its own. */
export interface ConfiguredReading {
  readonly issuer: string | undefined;
  readonly subjectClaim: string;
  readonly sessionClaim: string;
}

/** The readings of a configuration by itself. */
export function readingsOf(configured: readonly ConfiguredReading[]): ClaimReadings {
  const lines = configured.map(({ issuer, subjectClaim, sessionClaim }) =>
    JSON.stringify([issuer ?? null, subjectClaim, sessionClaim]),
  );
  const label = hash("sha256", [...new Set(lines)].sort().join("\n"), "base64url").slice(0, 22);
  return {
    ...{ label, changedAt: 0 },
    subject: [...new Set(configured.map(({ subjectClaim }) => subjectClaim))],
    session: [...new Set(configured.map(({ sessionClaim }) => sessionClaim))],
  };
}

/** What a store has after sidecars with `own` readings have come to it. */
export function followReadings(
  held: ClaimReadings,
  own: ClaimReadings,
  now: EpochSeconds,
): ClaimReadings {
  const isSame = held.label === own.label;
  return {
    label: own.label,
    changedAt: isSame ? Math.max(held.changedAt, own.changedAt) : Math.ceil(now),
    subject: withLatest(own.subject, held.subject),
    session: withLatest(own.session, held.session),
  };
}

/** More claims than these in ten years are not remembered: the oldest go. */
const maxClaims = 4;

/** In a stable order, so that sidecars with the same readings write the same text. */
function withLatest(own: readonly string[], held: readonly string[]): readonly string[] {
  if (own.every((claim) => held.includes(claim))) return held;
  return [...new Set([...own, ...held])].slice(0, Math.max(maxClaims, own.length));
}

/**
 * How long after another configuration was seen tokens may still have been revoked by it, in seconds: sidecars look
 * every 10 s what the others read, and the clock of the one that saw it may show an earlier time than the issuer's.
 */
const seenLateSeconds = 60 + largestToleranceSeconds;

/**
 * The claims by which a token may have been revoked besides those that name its subject and session now: if it was there
 * before the last change. They are only looked up: what is revoked is named as the configuration says.
 */
export function formerClaims(
  { changedAt, subject, session }: ClaimReadings,
  { issuedAt, subjectClaim, sessionClaim }: FormerlyRead,
): readonly { readonly kind: "sub" | "sid"; readonly claim: string }[] {
  if (changedAt === 0 || (issuedAt ?? 0) > changedAt + seenLateSeconds) return [];
  return [
    ...subject.flatMap((claim) =>
      claim === subjectClaim ? [] : [{ kind: "sub", claim } as const],
    ),
    ...session.flatMap((claim) =>
      claim === sessionClaim ? [] : [{ kind: "sid", claim } as const],
    ),
  ];
}

/** A token, and the claims that name its subject and session now. */
export interface FormerlyRead {
  readonly issuedAt: EpochSeconds | undefined;
  readonly subjectClaim: string;
  readonly sessionClaim: string;
}

/** As it stands in Redis and beside the journal: `label changedAt s.CLAIM … i.CLAIM …`, the claims in base64url. */
export function formatReadings({ label, changedAt, subject, session }: ClaimReadings): string {
  const encoded = (claim: string) => Buffer.from(claim).toString("base64url");
  const subjects = subject.map((claim) => `s.${encoded(claim)}`);
  const sessions = session.map((claim) => `i.${encoded(claim)}`);
  return [label, changedAt, ...subjects, ...sessions].join(" ");
}

const form = /^([\w-]{22}) (\d{1,11})((?: [si]\.[\w-]+)*)$/;

/** Reads what formatReadings wrote; undefined if it is something else. */
export function parseReadings(text: string): ClaimReadings | undefined {
  const [, label, changedAt, claims] = form.exec(text) ?? [];
  if (label === undefined || claims === undefined) return undefined;
  const words = claims.split(" ").slice(1);
  const those = (kind: string) =>
    words.flatMap((word) =>
      word.startsWith(kind) ? [Buffer.from(word.slice(2), "base64url").toString()] : [],
    );
  return { label, changedAt: Number(changedAt), subject: those("s."), session: those("i.") };
}
