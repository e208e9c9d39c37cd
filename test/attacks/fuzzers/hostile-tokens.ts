import { fc } from "../../helpers/fast-check.ts";
import { makeToken } from "../../helpers/tokens.ts";
import { hostileJson, hostileText } from "./hostile.ts";

const part = (text: string) => Buffer.from(text).toString("base64url");

/** What may stand as a claim in a token that is signed with the right key: its issuer is hostile, or careless. */
const claim = fc.oneof(
  hostileText,
  fc.integer(),
  fc.double(),
  fc.constant(undefined),
  fc.jsonValue(),
);

/** A subject as RFC 9493 has them, any member of which may be wrong. */
const identifier = fc.dictionary(
  fc.constantFrom(
    ...["format", "subject_type", "identifiers", "id", "iss", "sub", "jti", "email"],
    ...["session", "user", "__proto__"],
  ),
  fc.oneof(
    claim,
    fc.constantFrom("opaque", "iss_sub", "jwt_id", "email", "complex", "aliases"),
    // What makes no text, though it is an object.
    fc.constant({ toString: 1, valueOf: 1, toJSON: 1 }),
  ),
);

/** Claims of a security event, any of which may be wrong. */
const eventClaims = fc.record(
  {
    iss: fc.oneof({ weight: 9, arbitrary: fc.constant("https://id") }, claim),
    aud: fc.oneof({ weight: 9, arbitrary: fc.constant("shop") }, claim),
    jti: fc.oneof(fc.uuid(), claim),
    iat: fc.oneof({ weight: 9, arbitrary: fc.constant(Math.floor(Date.now() / 1000)) }, claim),
    exp: claim,
    sub: claim,
    sid: claim,
    sub_id: fc.oneof(
      claim,
      identifier,
      fc.record({ format: fc.constant("aliases"), identifiers: fc.array(identifier) }),
    ),
    events: fc.oneof(
      claim,
      fc.dictionary(
        fc.constantFrom(
          "http://schemas.openid.net/event/backchannel-logout",
          "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
          "https://schemas.openid.net/secevent/risc/event-type/account-disabled",
          "__proto__",
        ),
        fc.oneof(fc.constant({}), claim),
      ),
    ),
  },
  { requiredKeys: ["iss", "aud", "events"] },
);

/** Tokens and events with the right signature and anything inside. */
export const signedTokens = fc
  .tuple(eventClaims, fc.constantFrom("JWT", "logout+jwt", "secevent+jwt", "at+jwt"))
  .map(([claims, typ]) => makeToken(claims, { header: { typ } }));

/** Texts that look like tokens, and are none. */
export const forgedTokens = fc.oneof(
  fc
    .tuple(fc.oneof(fc.constant('{"alg":"RS256"}'), hostileJson), hostileJson, hostileText)
    .map((parts) => parts.map(part).join(".")),
  hostileText,
  fc.constantFrom("..", "a.b.c", ".", "e30.e30.", "e30.e30.e30"),
);
