import { z } from "zod";
import { type Denylist, type Entry, type EntryName, entryKinds } from "../denylist/denylist.ts";
import { isSoundEntry } from "../denylist/sound.ts";
import type { RevocationTrigger } from "../observability/metrics/revocations.ts";
import type { Clock } from "../platform/clock.ts";
import { endedClaimNames } from "../revocation/ended-claims.ts";
import type { Lifetimes } from "../revocation/entries.ts";
import type { TokenExplanation } from "../token/explain-token.ts";
import type { Verifier } from "../token/verifier.ts";

const entry = z
  .strictObject({
    kind: z.enum(entryKinds),
    value: z.string(),
    expiresAt: z.number(),
    cutoff: z.number().optional(),
  })
  .refine(isSoundEntry, "expected a name of 43 characters of base64url and times up to 2106");

/** How many entries a command may bring: 5000 take 40 ms, in which no request is looked at. */
export const maxEntriesPerCommand = 5000;

/** What a command must look like. */
export const storeCommand = z.discriminatedUnion("command", [
  z.strictObject({
    command: z.literal("revoke"),
    credential: z.string(),
    /** Whether one that is no JWT of an issuer's is meant as it stands, as refresh tokens often are. */
    opaque: z.boolean().optional(),
  }),
  z.strictObject({
    command: z.literal("end"),
    claim: z.enum(endedClaimNames),
    value: z.string().min(1),
    issuer: z.string().optional(),
  }),
  z.strictObject({
    command: z.literal("sessions"),
    value: z.string().min(1),
    issuer: z.string().optional(),
  }),
  z.strictObject({ command: z.literal("introspect"), credential: z.string() }),
  z.strictObject({
    command: z.literal("check"),
    credential: z.string(),
    opaque: z.boolean().optional(),
  }),
  z.strictObject({ command: z.literal("explain"), credential: z.string() }),
  z.strictObject({ command: z.literal("add"), entries: z.array(entry) }),
  z.strictObject({ command: z.literal("list") }),
  z.strictObject({ command: z.literal("drain") }),
]);

/** What can be asked of a running revgate, and of the store alone, from the command line. */
export type StoreCommand = z.infer<typeof storeCommand>;

/** What the commands work on. */
export interface StoreCommandsOptions {
  readonly denylist: Denylist;
  readonly clock: Clock;
  /** How tokens are read: asked anew for every command, since a reload may change it. */
  readonly tokens: {
    readonly verifier: Verifier;
    readonly explain: (credential: string) => Promise<TokenExplanation>;
    readonly lifetimes: Lifetimes;
    /** What claims of each issuer's tokens are told apart by; undefined for the main one, which has no name if there is only one. */
    readonly namespaces: ReadonlyMap<string | undefined, string | undefined>;
  };
  /** Has clients leave, and says how many connections are left; undefined where nothing serves. */
  readonly drain?: (() => number) | undefined;
  /** How many open connections depend on tokens of that name; undefined where nothing serves. */
  readonly connectionsOf?: ((name: EntryName) => number) | undefined;
  /** Told of the revocations that a command brought about. */
  readonly onRevoked: (trigger: RevocationTrigger, entries: readonly Entry[]) => void;
}
