import { claimAt, claimText, shapeOf } from "../claims.ts";
import { EventRefused, type SecurityEvent } from "./security-event.ts";

/** Whose tokens are to end: all of a subject, of one session, or one by its `jti`. At least one is set. */
export interface Whose {
  readonly subject?: string | undefined;
  readonly sid?: string | undefined;
  readonly jti?: string | undefined;
}

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout";

/** The values of `typ` that a logout token may have; its issuer may leave it out (section 2.4). */
export const logoutTokenTypes = ["logout+jwt", "jwt", undefined] as const;

/**
 * Says whom a logout token logs out (OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6).
 *
 * Throws EventRefused where it is none, for one because it has a `nonce`, as only an ID token may.
 */
export function readLogoutToken({ payload, events }: SecurityEvent, subjectClaim: string): Whose {
  const wrong = (message: string) => new EventRefused("invalid_request", message);
  if (!Object.hasOwn(events, logoutEvent)) throw wrong("expected a logout event");
  if (payload["exp"] === undefined) throw wrong("expected exp");
  if ("nonce" in payload) throw wrong("expected no nonce");
  const { sub, sid } = payload;
  const subject = claimAt(payload, subjectClaim);
  for (const claim of [sub, sid, subject]) {
    if (claim !== undefined && claimText(claim) === undefined) {
      throw wrong(`expected texts as sub and sid, got ${shapeOf(claim)}`);
    }
  }
  if (sub === undefined && sid === undefined) throw wrong("expected sub or sid");
  if (subject === undefined && sid === undefined) {
    throw wrong(`expected sid or ${subjectClaim}, by which tokens are told apart here`);
  }
  return { subject: claimText(subject), sid: claimText(sid) };
}
