import { z } from "zod";
import { isPathPattern } from "../../gateway/path-pattern.ts";
import { revocationScopes } from "../../revocation/entries.ts";
import { messages } from "./answers.ts";
import { graphql, when } from "./condition.ts";
import { handedOutToken, otherToken, routeSource, sparedToken } from "./fields.ts";
import { firstMessage } from "./first-message.ts";
import { about, choice, flag, group, list, text, wholeIn } from "./readers.ts";
import { checkRoute, checkSegments } from "./route-checks.ts";
import { otherRouteExamples, routeExample } from "./route-examples.ts";
import { subjectSource } from "./subject-source.ts";
import { success } from "./success.ts";

/** How paths are read. */
export const target = about(
  "How paths are read.",
  group({
    allowEncodedSlash: about(
      "Allows %2F on every protected route. Frameworks disagree on what it means; a rule can allow it for its paths only.",
      flag(false),
    ),
  }).prefault({}),
);

const latestSessions = wholeIn(1, 100, "sessions");

const forwardOrRefuse = choice(["refuse", "forward"]).optional();

const route = group({
  path: about(
    "The path as the application has it. {name} matches one whole segment; * matches one segment, or everything below if it is the last.",
    text("a path").refine(
      isPathPattern,
      'expected a path in canonical form, such as "/login", with "*" or "{name}" only as a whole segment',
    ),
  ),
  methods: about(
    "In upper case; default: all.",
    list(text("a method").regex(/^[A-Z]+$/, "expected a method in upper case"), "methods")
      .min(1, "expected at least one method; leave methods out for all")
      .optional(),
  ),
  access: about(
    "optional: no token is needed, but one that is sent must be live. public: no token is checked, so a revoked one passes too. Both match only if path and method are exactly as written here.",
    choice(["public", "optional", "protected"]).default("protected"),
  ),
  revoke: about(
    "What a 2xx there ends: the token that was carried, its session, every token of its subject, or every other one.",
    choice(revocationScopes).optional(),
    {
      why: "session ends whatever names the same one (tokens.sessionClaim), and whatever was handed out together (session). others spares the token that was carried, its session (tokens.sessionClaim), and what sparing names. subject ends all tokens of the subject that were issued until then, on all devices. Tokens state in whole seconds when they were issued, so the answer is held until the second is over: a login right after it counts as later. If any rule says subject or others, or has only: latest, every token without iat is refused as invalid, on all routes. Matches in any letter case, with or without a trailing slash.",
    },
  ),
  when: about(
    "More conditions for the rule to revoke: the host, headers, a member of the body.",
    when.optional(),
    {
      why: "{ requestJson: /password } for a PATCH that changes a password among other things. A body that can't be read (not JSON, longer than limits.bodyBytes) counts as met: the answer decides. Such a rule only revokes; other rules decide whether a token is needed.",
    },
  ),
  graphql: about(
    "The mutation that revokes, on a GraphQL endpoint: { mutation: logout }.",
    graphql.optional(),
    {
      why: "Its success is data.logout without an error, by alias and in batches too, unless success says otherwise. A request that can't be read (a persisted query, a form) is held as well, and revokes if its answer has data.logout.",
    },
  ),
  refuse: about(
    "Refuse these requests (400 request_ambiguous): what the application can do there, no other rule could see. With when or graphql, only those that fit.",
    flag(false).optional(),
    {
      why: "{ graphql: { mutation: auth_refresh }, refuse: true } for a mutation that takes a token in its arguments. What can't be read (a persisted query, a form, a body longer than limits.bodyBytes) is refused, too. Matches in any letter case, with or without a trailing slash.",
    },
  ),
  success: about("Which answers count as success, if not every 2xx does.", success.optional(), {
    why: "{ status: [2xx, 302, 303] } for a logout that redirects; { responseJson: /code, in: [0, 200] } for an API that answers 200 to everything; { responseJson: /errors, absent: true } for GraphQL. Status and member count together. An answer that can't be read (no JSON, longer than limits.bodyBytes, without the member) is an unknown outcome (denylist.onUnknownOutcome). Of several rules that match, one is enough.",
  }),
  alsoRevoke: about(
    "Other tokens to revoke with it, such as the refresh token.",
    list(otherToken, "sources").optional(),
    {
      why: "{ cookie: refresh, lifetime: 30d }, { header: …, scheme: … }, { requestJson: /refresh_token }, { form: refresh_token }, { query: … } or { path: token } for /sessions/{token}. A token that is not a JWT of the issuer is kept by the hash of its text, for lifetime.",
    },
  ),
  subjectFrom: about(
    "Where to find the subject, on a route that is called without a token of that subject.",
    z
      .union([z.literal("carried"), subjectSource], {
        error: 'expected carried, or a group such as { responseJson: "/user/id" }',
      })
      .optional(),
    {
      why: "{ requestJson: /user/id } (a JSON Pointer), { form: user }, { path: id } for /users/{id}, { query: user }, { responseJson: /user/id } or { responseHeader: x-user-id }; beside it issuer, if there are several. Put it on the step that completes the reset, never on the one that asks for a mail: a 2xx ends the sessions of the subject it names. If no subject is found, the answer goes through, and it is counted and logged. If the request alone names it and the outcome is unknown, nothing is revoked (onUnknownOutcome): prefer responseJson, which names the subject that the application meant. carried: the token's own; a request without one counts as naming no subject.",
    },
  ),
  from: about(
    "Where this route's token is sent, instead of tokens.from.",
    list(routeSource, "sources").min(1, "expected at least one source").optional(),
    {
      why: "The body counts too: a refresh route that carries the refresh token is checked for that token.",
    },
  ),
  sparing: about(
    "What else stays with revoke: others: tokens that the request carries, or that the answer hands out.",
    list(sparedToken, "places").min(1, "expected at least one place").optional(),
    {
      why: "{ cookie: refresh } for the refresh token of the device on which the password was changed; { responseJson: /token }, { responseHeader: … } or { responseCookie: … } for a token that the answer hands out in its place, also in the second in which all others end. Only JWTs with a valid signature are spared, and from this cut-off alone: one that was revoked stays revoked.",
    },
  ),
  handsOut: about(
    "Where the answer hands tokens out, such as a login's: { responseJson: /token }. An already revoked one is logged and counted.",
    list(handedOutToken, "places").min(1, "expected at least one place").optional(),
    {
      why: "{ responseJson: /token }, { responseHeader: … } or { responseCookie: … }. Without jti, a user who logs in again within a second of the logout gets the same token, byte for byte, which is refused from the start. A body is read up to limits.bodyBytes, and passed on as it is.",
    },
  ),
  only: about(
    "latest: a login ends all other sessions of the subject that is handed a token (handsOut); { latest: 3 }: its oldest ones beyond three.",
    z
      .union([z.literal("latest"), group({ latest: latestSessions })], {
        error: "expected latest, or a group such as { latest: 3 }",
      })
      .optional(),
    {
      why: "With latest, the tokens that the answer hands out stay, and so does the session that they name (tokens.sessionClaim). Everything else that was issued to their subject until then ends. Name every place of a pair in handsOut, or the other token ends. The answer is held until the second is over, half a second on average, and until the denylist has the revocation. { latest: 3 } needs session: begins beside it. It ends whole sessions, oldest first, and counts those that began at such a rule.",
    },
  ),
  session: about(
    "The tokens that the answer hands out (handsOut) belong together: begins, or continues the session of the token that is carried.",
    choice(["begins", "continues"]).optional(),
    {
      why: "For tokens that name no session of their own: revoke: session by any one of them ends all, opaque ones too. Put begins on logins, and continues wherever tokens are replaced (a refresh; pages that set a new cookie). The answer waits until every sidecar knows, as a logout's does; if the store is away it is sent anyway, and is counted.",
    },
  ),
  reused: about(
    "end: a token that was replaced there and comes again ends its session.",
    choice(["end"]).optional(),
    {
      why: "For refresh tokens that are used once (RFC 9700 section 4.14.2). A client that loses an answer and asks again is logged out, too. The replaced token is revoked as soon as the answer has gone out.",
    },
  ),
  tokens: about(
    "opaque: tokens on this route may be unreadable for revgate; they pass unless they have been revoked.",
    choice(["jwt", "opaque"]).optional(),
    {
      why: "Needs from beside it: the body, cookie or header where this route's token is sent, such as a refresh route's. The subject of an opaque token is unknown, so revoke: subject does not end it, unless it was handed out beside a token that names one (session). A JWT of the issuer's, with sub and iat, it does end.",
    },
  ),
  expired: about("forward allows a logout with an expired token.", forwardOrRefuse, {
    why: "Matches exactly as written. Default: refuse.",
  }),
  revoked: about(
    "forward allows a logout with a revoked token (logging out twice).",
    forwardOrRefuse,
    { why: "Matches exactly as written. Default: refuse." },
  ),
  messages: about(
    'Other texts of refusals there, by error, such as { token_missing: "Please log in." }.',
    messages.optional(),
    { why: "They go before errors.messages, in each language that they have." },
  ),
  allowEncodedSlash: about(
    "true allows %2F in paths of this rule, with access: public and optional too.",
    flag(false).optional(),
    {
      why: "For names with a slash in them, such as npm's GET /@scope%2fname: { path: /*, methods: [GET], access: optional, allowEncodedSlash: true }. The rule must match both with %2F as a character and as a slash, and so must no other rule stand before it, revoke, or say where a token is sent; what does not is 400 if it may be an exemption.",
    },
  ),
  firstMessage: about(
    "A WebSocket there may send its token in its first message: { protocol: graphql, token: /payload/token }.",
    firstMessage.optional(),
    {
      why: "The handshake passes without a token; of what the client sends, nothing reaches the application before a live token has come, and what the application says reaches the client. Each later message that logs in is judged too. Matches exactly as written; any other request there needs its token as everywhere. No extension (compression) is agreed on.",
    },
  ),
  stream: about(
    "true allows responses to pause for any time: upstream.idleTimeout does not apply.",
    flag(false).optional(),
    {
      why: "For server-sent events and other responses that wait for events. Matches exactly as written.",
    },
  ),
})
  .superRefine(checkRoute)
  .superRefine(checkSegments);

/** What is open, and what ends a token. */
export const routes = about(
  "Which routes are open, and which end tokens. A route that no rule names needs a valid token.",
  list(route, "route rules").prefault([]),
  {
    why: "The first rule that matches decides about access; a revoking rule applies wherever it stands.",
    example: routeExample,
    moreExamples: otherRouteExamples,
  },
);
