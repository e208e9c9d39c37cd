import { z } from "zod";
import { type Denylist, type Entry, entryKinds, hasCutoff } from "../denylist/denylist.ts";
import { ControlError } from "../errors.ts";
import { tokenEntry } from "../gateway/revocation.ts";
import type { RevocationTrigger } from "../observability/metrics.ts";
import type { EpochSeconds } from "../platform/clock.ts";
import { type Verifier, verifyInFull } from "../token/verifier.ts";
import type { ControlHandler } from "./control-socket.ts";

const entry = z
  .strictObject({
    kind: z.enum(entryKinds),
    value: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
    expiresAt: z.number().positive(),
    cutoff: z.number().positive().optional(),
  })
  .refine(({ kind, cutoff }) => hasCutoff(kind) === (cutoff !== undefined));

const command = z.discriminatedUnion("command", [
  z.strictObject({ command: z.literal("revoke"), credential: z.string() }),
  z.strictObject({ command: z.literal("check"), credential: z.string() }),
  z.strictObject({ command: z.literal("add"), entries: z.array(entry) }),
  z.strictObject({ command: z.literal("list") }),
]);

/** What can be asked of the store from the command line. */
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
  readonly verifier: Verifier;
  readonly clockToleranceSeconds: number;
  /** Told of the revocations that a command brought about. */
  readonly onRevoked: (trigger: RevocationTrigger, entries: readonly Entry[]) => void;
}

/** Makes the handler of the commands, for the control socket and for a store opened by hand. */
export function createStoreCommands(options: StoreCommandsOptions): ControlHandler {
  const { denylist, verifier, clockToleranceSeconds, onRevoked } = options;

  async function check(credential: string): Promise<TokenStanding> {
    const verification = await verifyInFull(verifier, credential);
    if (verification.kind === "unknown_key") {
      throw new ControlError("the keys of the token's issuer cannot be fetched at present");
    }
    if (verification.kind === "invalid") {
      return { standing: "invalid", id: undefined, expiresAt: undefined };
    }
    const { token } = verification;
    const { id, expiresAt } = token;
    if (verification.kind === "expired") return { standing: "expired", id, expiresAt };
    const known = denylist.lookUp(token);
    return { standing: known === "ask" ? await denylist.ask(token) : known, id, expiresAt };
  }

  async function revoke(credential: string): Promise<TokenStanding> {
    const verification = await verifyInFull(verifier, credential);
    if (verification.kind === "valid") {
      const entries = [tokenEntry(verification.token, { clockToleranceSeconds })];
      await denylist.revoke(entries);
      onRevoked("command", entries);
    }
    return check(credential);
  }

  async function add(entries: readonly Entry[]): Promise<{ added: number }> {
    await denylist.revoke(entries);
    onRevoked("import", entries);
    return { added: entries.length };
  }

  return async function* handle(request) {
    const parsed = command.safeParse(request);
    if (!parsed.success) {
      throw new ControlError(`not a command of this version: ${z.prettifyError(parsed.error)}`);
    }
    switch (parsed.data.command) {
      case "revoke":
        return yield await revoke(parsed.data.credential);
      case "check":
        return yield await check(parsed.data.credential);
      case "add":
        return yield await add(parsed.data.entries);
      case "list":
        yield* denylist.entries();
    }
  };
}
