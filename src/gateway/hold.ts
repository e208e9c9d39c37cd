import type { Denylist, Entry, Intent, UnknownOutcome } from "../denylist/denylist.ts";
import type { VerifiedToken } from "../token/verifier.ts";
import type { Hold } from "../upstream/forward-request.ts";
import type { Route } from "./route.ts";

/** What a hold revokes with, and who is told. */
export interface HoldOptions {
  readonly denylist: Pick<Denylist, "intend">;
  /** Seconds by which clocks may differ: a token counts that much longer than its `exp`. */
  readonly clockToleranceSeconds: number;
  readonly onUnknownOutcome: UnknownOutcome;
  /** Told when a hold begins; what it returns is told when the hold ends. */
  readonly onHold: () => (released: boolean) => void;
  /** Told when a token is revoked because nobody can know what the application did. */
  readonly onLost: () => void;
}

/** What a revocation of this token is: in force until nobody accepts the token any more anyway. */
export function entryOf(token: VerifiedToken, clockToleranceSeconds: number): Entry {
  return { kind: "tok", value: token.id, expiresAt: token.expiresAt + clockToleranceSeconds };
}

/**
 * The hold on a revoking route, or undefined where a 2xx would revoke nothing.
 *
 * When it resolves, the intent is on disk and the request may go. The application's 2xx is then released
 * when the revocation is durable and in force, any other status at once; an answer that never comes
 * counts as a 2xx if the application may have had the request.
 */
export function holdFor(
  route: Route,
  token: VerifiedToken | undefined,
  options: HoldOptions,
): Promise<Hold> | undefined {
  if (route.revoke === undefined || token === undefined) return undefined;
  const entries = [entryOf(token, options.clockToleranceSeconds)];
  return options.denylist.intend(entries).then((intent) => holdWith(intent, options));
}

function holdWith(intent: Intent, { onUnknownOutcome, onHold, onLost }: HoldOptions): Hold {
  return {
    onStatus(status) {
      if (status < 200 || status > 299) {
        intent.drop();
        return undefined;
      }
      const onEnd = onHold();
      const revoked = intent.revoke();
      revoked.then(
        () => onEnd(true),
        () => onEnd(false),
      );
      return revoked;
    },
    async onLost(sent) {
      if (!sent || onUnknownOutcome === "keep") return intent.drop();
      onLost();
      // Where it is pending, it is in force here and is tried again: nobody waits for it.
      await intent.revoke().catch(() => {});
    },
  };
}
