import { claimText } from "../claims.ts";
import { isObject } from "../compact-jws.ts";
import type { Whose } from "./logout-token.ts";
import { EventRefused, type SecurityEvent } from "./security-event.ts";

/** Whose tokens an event ends, and which issuer's they are; undefined: the sender's of the event. */
export interface SignalledWhose extends Whose {
  readonly issuer?: string | undefined;
}

/** What an event is about: the whole account, or (where it says so) a session of it. */
type Reach = "account" | "session";

const caep = "https://schemas.openid.net/secevent/caep/event-type";
const risc = "https://schemas.openid.net/secevent/risc/event-type";

/** The events after which tokens end; there are others, which say nothing of tokens. */
const ending: ReadonlyMap<string, Reach> = new Map([
  [`${caep}/session-revoked`, "session"],
  [`${risc}/account-credential-change-required`, "account"],
  [`${risc}/account-disabled`, "account"],
  [`${risc}/account-purged`, "account"],
  [`${risc}/sessions-revoked`, "account"],
]);

/** The type that every event of a stream has (Shared Signals Framework 1.0 section 4.1.1). */
export const signalTypes = ["secevent+jwt"] as const;

/**
 * Says whose tokens end after an event (CAEP 1.0, RISC 1.0); none if it is of another kind, or names
 * a subject in a way that tokens don't.
 *
 * Subjects are named as in RFC 9493. Throws EventRefused where the event is not one of a stream.
 */
export function readSignal(
  { payload, events }: SecurityEvent,
  subjectClaim: string,
): readonly SignalledWhose[] {
  const wrong = (message: string) => new EventRefused("invalid_request", message);
  // Shared Signals Framework 1.0 sections 4.1.2 and 4.1.7: so that it is not taken for another token.
  if ("sub" in payload) throw wrong("expected no sub");
  if ("exp" in payload) throw wrong("expected no exp");
  const whose = Object.entries(events).flatMap(([kind, event]) => {
    const reach = ending.get(kind);
    if (reach === undefined) return [];
    const identifier = payload["sub_id"] ?? event["subject"];
    if (!isObject(identifier)) throw wrong("expected sub_id");
    return namedBy(identifier, reach, subjectClaim);
  });
  if (whose.length > maxNames) throw wrong(`expected ${maxNames} names of its subject at most`);
  return whose;
}

/** An event has one subject; its issuer's share counts events, so that one must not end thousands. */
const maxNames = 100;

type Identifier = Readonly<Record<string, unknown>>;

function namedBy(identifier: Identifier, reach: Reach, subjectClaim: string): SignalledWhose[] {
  switch (formatOf(identifier)) {
    case "complex":
      return namedByParts(identifier, reach, subjectClaim);
    case "aliases": {
      const all = identifier["identifiers"];
      const each = Array.isArray(all) ? all.filter(isObject) : [];
      return each.flatMap((alias) => namedBy(alias, reach, subjectClaim));
    }
    default:
      return namedSimply(identifier, reach, subjectClaim);
  }
}

/** Of the parts of a complex subject, `session` and `user` mean something to tokens. */
function namedByParts(
  { session, user }: Identifier,
  reach: Reach,
  subjectClaim: string,
): SignalledWhose[] {
  const users = isObject(user) ? namedBy(user, "account", subjectClaim) : [];
  const sid = isObject(session) && reach === "session" ? claimText(session["id"]) : undefined;
  if (sid === undefined) return users;
  return users.length === 0 ? [{ sid }] : users.map((whose) => ({ ...whose, sid }));
}

function namedSimply(identifier: Identifier, reach: Reach, subjectClaim: string): SignalledWhose[] {
  const format = formatOf(identifier);
  const text = claimText(identifier[claimsOf.get(format) ?? ""]);
  if (text === undefined) return [];
  const issuer = claimText(identifier["iss"]);
  if (format === "jwt_id") return [{ jti: text, issuer }];
  // Whether it is a session's or a user's, only who made the id knows.
  if (format === "opaque")
    return [{ subject: text }, ...(reach === "session" ? [{ sid: text }] : [])];
  const claim = format === "iss_sub" ? "sub" : format;
  return claim === subjectClaim ? [{ subject: text, issuer }] : [];
}

/** Where the formats of RFC 9493 that can say something of tokens have what they name. */
const claimsOf = new Map([
  ["iss_sub", "sub"],
  ["opaque", "id"],
  ["jwt_id", "jti"],
  ["email", "email"],
  ["phone_number", "phone_number"],
]);

/** Drafts called it otherwise, and some senders still do. */
function formatOf({ format, subject_type: before }: Identifier): string {
  const named = format ?? before ?? "";
  if (typeof named !== "string") {
    throw new EventRefused("invalid_request", "expected a text as the format of a subject");
  }
  return named.replaceAll("-", "_");
}
