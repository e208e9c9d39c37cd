import { z } from "zod";
import { type Denylist, type Entry, entryKinds } from "../denylist/denylist.ts";
import { isSoundEntry } from "../denylist/sound.ts";
import { ControlError, StoreUnavailableError } from "../errors.ts";
import type { RevocationTrigger } from "../observability/metrics/revocations.ts";
import type { Clock, EpochSeconds } from "../platform/clock.ts";
import { requireCertainTime, untilCutOff } from "../revocation/cut-off.ts";
import { endOfAll, type Lifetimes, subjectEntry, tokenEntry } from "../revocation/entries.ts";
import { parseCompactJws } from "../token/compact-jws.ts";
import type { TokenCheck, TokenExplanation } from "../token/explain-token.ts";
import { readOpaqueToken } from "../token/opaque-token.ts";
import { isNeverCarried } from "../token/seen-tokens.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import { type Verification, type Verifier, verifyInFull } from "../token/verifier.ts";
import type { ControlHandler } from "./command-server.ts";

const entry = z
  .strictObject({
    kind: z.enum(entryKinds),
    value: z.string(),
    expiresAt: z.number(),
    cutoff: z.number().optional(),
  })
  .refine(isSoundEntry, "expected a name of 43 characters of base64url and times up to 2106");

const command = z.discriminatedUnion("command", [
  z.strictObject({
    command: z.literal("revoke"),
    credential: z.string(),
    /** Whether one that is no JWT of an issuer's is meant as it stands, as refresh tokens often are. */
    opaque: z.boolean().optional(),
  }),
  z.strictObject({
    command: z.literal("end"),
    claim: z.enum(["subject", "jti", "sid"]),
    value: z.string().min(1),
    issuer: z.string().optional(),
  }),
  z.strictObject({ command: z.literal("introspect"), credential: z.string() }),
  z.strictObject({ command: z.literal("check"), credential: z.string() }),
  z.strictObject({ command: z.literal("explain"), credential: z.string() }),
  z.strictObject({ command: z.literal("add"), entries: z.array(entry) }),
  z.strictObject({ command: z.literal("list") }),
  z.strictObject({ command: z.literal("drain") }),
]);

/** What can be asked of a running revgate, and of the store alone, from the command line. */
export type StoreCommand = z.infer<typeof command>;

/** How a token stands, as `revgate check` reports it. */
export interface TokenStanding {
  readonly standing: "live" | "revoked" | "expired" | "invalid";
  readonly id: string | undefined;
  readonly expiresAt: EpochSeconds | undefined;
}

/** What the commands work on. */
export interface StoreCommandsOptions {
  readonly denylist: Denylist;
  readonly clock: Clock;
  /** How tokens are read: asked anew for every command, since a reload may change it. */
  readonly tokens: {
    readonly verifier: Verifier;
    readonly explain: (credential: string) => Promise<TokenExplanation>;
    readonly lifetimes: Lifetimes;
    /** What claims of each issuer's tokens are told apart by; undefined for the main one, which has no name where there is only one. */
    readonly namespaces: ReadonlyMap<string | undefined, string | undefined>;
  };
  /** Has clients leave, and says how many connections are left; undefined where nothing serves. */
  readonly drain?: (() => number) | undefined;
  /** Told of the revocations that a command brought about. */
  readonly onRevoked: (trigger: RevocationTrigger, entries: readonly Entry[]) => void;
}

/** Makes the handler of the commands, for the control socket, the admin API and a store opened by hand. */
export function createStoreCommands(options: StoreCommandsOptions): ControlHandler {
  const { denylist } = options;
  return async function* handle(request) {
    const parsed = command.safeParse(request);
    if (!parsed.success) {
      throw new ControlError(`not a command of this version: ${z.prettifyError(parsed.error)}`);
    }
    const { data } = parsed;
    switch (data.command) {
      case "revoke":
        return yield await revokeToken(options, data);
      case "check":
        return yield await check(options, data.credential);
      case "explain":
        return yield await explain(options, data.credential);
      case "introspect":
        return yield await introspect(options, data.credential);
      case "end":
        return yield await end(options, data);
      case "add":
        await denylist.revoke(data.entries);
        options.onRevoked("import", data.entries);
        return yield { added: data.entries.length };
      case "drain":
        return yield drain(options);
      case "list":
        yield* denylist.entries();
    }
  };
}

function drain({ drain: begin }: StoreCommandsOptions): { readonly connections: number } {
  if (begin === undefined) throw new ControlError("no revgate is running on this data directory");
  return { connections: begin() };
}

async function check(
  { denylist, tokens, clock }: StoreCommandsOptions,
  credential: string,
): Promise<TokenStanding> {
  const verification = await verifyOrFail(tokens.verifier, credential);
  if (verification.kind === "invalid") {
    return { standing: "invalid", id: undefined, expiresAt: undefined };
  }
  const { token } = verification;
  const { id, expiresAt } = token;
  if (verification.kind === "expired") return { standing: "expired", id, expiresAt };
  const known = denylist.lookUp(token);
  if (verification.kind === "in_doubt" && known !== "revoked") {
    throw new StoreUnavailableError(`the time is in doubt: ${clock.doubt ?? "a moment ago"}`);
  }
  return { standing: known === "ask" ? await denylist.ask(token) : known, id, expiresAt };
}

async function revokeToken(
  options: StoreCommandsOptions,
  {
    credential,
    opaque = false,
  }: { readonly credential: string; readonly opaque?: boolean | undefined },
): Promise<TokenStanding> {
  const { denylist, clock, onRevoked } = options;
  const { verifier, lifetimes } = options.tokens;
  const verification = await verifyOrFail(verifier, credential);
  if (verification.kind === "invalid" && opaque) {
    const now = clock.nowSeconds();
    const token = readOpaqueToken(credential, now + lifetimes.maxLifetimeSeconds, verifier.names);
    const entries = [tokenEntry(token)];
    await denylist.revoke(entries);
    onRevoked("command", entries);
    return { standing: "revoked", id: token.id, expiresAt: token.expiresAt };
  }
  if (verification.kind === "valid" || verification.kind === "in_doubt") {
    const entries = [tokenEntry(verification.token)];
    await denylist.revoke(entries);
    onRevoked("command", entries);
  }
  return check(options, credential);
}

/** Why a token would be let through on a protected route, or not: every check, the denylist last. */
async function explain(
  { denylist, tokens }: StoreCommandsOptions,
  credential: string,
): Promise<Record<string, unknown>> {
  const { token, header, payload, checks } = await tokens.explain(credential);
  const isRight = checks.every(({ verdict }) => verdict === "passed");
  const last =
    isRight && token !== undefined
      ? await explainStanding(denylist, token)
      : { check: "denylist", verdict: "skipped", detail: "" };
  return { passes: last.verdict === "passed", header, payload, checks: [...checks, last] };
}

/** A name that nothing has, for look-ups of the others alone. */
const nobody = "A".repeat(43);

async function explainStanding(denylist: Denylist, token: VerifiedToken): Promise<TokenCheck> {
  const known = denylist.lookUp(token);
  const standing =
    known === "ask" ? await denylist.ask(token).catch(() => "unknown" as const) : known;
  if (standing === "live") return { check: "denylist", verdict: "passed", detail: "not revoked" };
  const { id, jti, sid, subject, issuedAt } = token;
  const names = { tok: { id }, jti: { jti }, sid: { sid }, sub: { subject, issuedAt } };
  const by = Object.entries(names)
    .filter(([, name]) => denylist.lookUp({ id: nobody, ...name }) === "revoked")
    .map(([kind]) => kind);
  const revoked = by.length === 0 ? "revoked, as the store says" : `revoked by ${by.join(", ")}`;
  const detail = standing === "revoked" ? revoked : "the store does not answer";
  return { check: "denylist", verdict: "failed", detail };
}

/** What RFC 7662 section 2.2 says of a token; nothing of one that would not be let through. */
async function introspect(
  options: StoreCommandsOptions,
  credential: string,
): Promise<Record<string, unknown>> {
  const { standing } = await check(options, credential);
  if (standing !== "live") return { active: false };
  const claims = parseCompactJws(credential)?.payload ?? {};
  const told = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "client_id", "username"];
  const known = told.filter((claim) => Object.hasOwn(claims, claim));
  return { active: true, ...Object.fromEntries(known.map((claim) => [claim, claims[claim]])) };
}

/** What a claim is called for people, with the setting that says which it is. */
const described = {
  subject: "a subject (tokens.subjectClaim)",
  sid: "a session (tokens.sessionClaim)",
  jti: "a jti",
} as const;

const kindOf = { subject: "sub", jti: "jti", sid: "sid" } as const;

/** Ends what a claim names; resolves when that holds everywhere, and a login that follows is not meant. */
async function end(
  { denylist, clock, tokens: { verifier, lifetimes, namespaces }, onRevoked }: StoreCommandsOptions,
  whose: {
    readonly claim: keyof typeof kindOf;
    readonly value: string;
    readonly issuer?: string | undefined;
  },
): Promise<Record<string, unknown>> {
  if (!namespaces.has(whose.issuer)) {
    const known = [...namespaces.keys()].filter((name) => name !== undefined);
    throw new ControlError(
      `expected one of the configured issuers (${known.join(", ")}), got ${whose.issuer ?? "none"}`,
    );
  }
  const kind = kindOf[whose.claim];
  const name = verifier.names.claim(kind, namespaces.get(whose.issuer), whose.value);
  if (name === undefined) throw new ControlError(`expected a text as ${whose.claim}`);
  if (kind === "sub") requireCertainTime(clock);
  const now = clock.nowSeconds();
  const entry: Entry =
    kind === "sub"
      ? subjectEntry(name, now, lifetimes)
      : { kind, ...name, expiresAt: endOfAll(now, lifetimes) };
  await Promise.all([denylist.revoke([entry]), untilCutOff([entry], clock)]);
  onRevoked("command", [entry]);
  const { value: id, expiresAt, cutoff } = entry;
  const doubt = isNeverCarried(whose.claim, verifier.seen)
    ? `none of the ${verifier.seen.tokens} tokens seen since the start carries ${described[whose.claim]}: none of them has ended`
    : undefined;
  return {
    ...{ kind, id, expiresAt },
    ...(cutoff !== undefined && { cutoff }),
    ...(doubt !== undefined && { warning: doubt }),
  };
}

async function verifyOrFail(verifier: Verifier, credential: string): Promise<KnownVerification> {
  const verification = await verifyInFull(verifier, credential);
  if (verification.kind !== "unknown_key") return verification;
  throw new StoreUnavailableError("the keys of the token's issuer cannot be fetched at present");
}

type KnownVerification = Exclude<Verification, { kind: "unknown_key" }>;
