import type { Denylist, Entry } from "../denylist/denylist.ts";
import type { VerifiedToken } from "../token/verifier.ts";
import type { Hold } from "../upstream/forward-request.ts";
import type { Route } from "./route.ts";

export interface HoldOptions {
  readonly denylist: Pick<Denylist, "revoke">;
  /** Seconds by which clocks may differ: a token counts that much longer than its `exp`. */
  readonly clockToleranceSeconds: number;
  /** Told when a hold begins; what it returns is told when the hold ends. */
  readonly onHold: () => (released: boolean) => void;
}

/** What a revocation of this token is: in force until nobody accepts the token any more anyway. */
export function entryOf(token: VerifiedToken, clockToleranceSeconds: number): Entry {
  return { kind: "tok", value: token.id, expiresAt: token.expiresAt + clockToleranceSeconds };
}

/**
 * The hold on a revoking route, or undefined where a 2xx would revoke nothing.
 *
 * The application's 2xx is released when the revocation is durable and in force; any other status at
 * once. Rejects as Denylist.revoke does.
 */
export function holdFor(
  route: Route,
  token: VerifiedToken | undefined,
  { denylist, clockToleranceSeconds, onHold }: HoldOptions,
): Hold | undefined {
  if (route.revoke === undefined || token === undefined) return undefined;

  return (status) => {
    if (status < 200 || status > 299) return undefined;
    const onEnd = onHold();
    const revoked = denylist.revoke([entryOf(token, clockToleranceSeconds)]);
    revoked.then(
      () => onEnd(true),
      () => onEnd(false),
    );
    return revoked;
  };
}
