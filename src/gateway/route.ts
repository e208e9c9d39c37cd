import type { UnknownOutcome } from "../denylist/denylist.ts";
import type { BodySource } from "../http/body-fields.ts";
import type { RevocationScope } from "../revocation/entries.ts";
import type { CredentialSource, PathSource, QuerySource } from "../token/credential.ts";
import type { MessageToken } from "./client-messages.ts";
import type { Condition } from "./condition.ts";
import type { BodyOptions } from "./refusal-body.ts";
import { readsAnswer, type Success } from "./success.ts";

/** Another token that a request to a revoking route may carry, and that ends with the first. */
export interface OtherToken {
  readonly source: CredentialSource;
  /** For how long it must be remembered, in seconds, where revgate can't look into it. */
  readonly lifetimeSeconds: number;
}

/**
 * Where the subject is named whose tokens a 2xx ends, on a route that is reached without one of them: in
 * the request, or (`pointer` is a JSON Pointer, RFC 6901) in the application's response.
 */
export type SubjectSource = BodySource | QuerySource | PathSource | AnswerField;

/** A header of the application's answer, or a member of its body. */
type AnswerField =
  | { readonly kind: "responseHeader"; readonly name: string }
  | { readonly kind: "responseJson"; readonly pointer: string };

/** Where the application's answer hands a token out. */
export type HandedOutSource =
  | AnswerField
  | { readonly kind: "responseCookie"; readonly name: string };

/** What stays when all other tokens of a subject end: besides the token that the request carries. */
export interface SparedTokens {
  /** Other tokens that the request carries. */
  readonly sent: readonly CredentialSource[];
  /** Tokens that the answer hands out. */
  readonly handedOut: readonly HandedOutSource[];
}

/** One such place, and what the subjects of its issuer are told apart by if there are several issuers. */
export interface NamedSubject {
  readonly source: SubjectSource;
  /** The claim that names it, if what stands there is a JWT. */
  readonly claim?: string | undefined;
  readonly namespace: string | undefined;
  /**
   * What becomes of the tokens of a subject that the request alone names, if the outcome at the
   * application is unknown. `keep` unless configured: anybody can name anybody, and many can make it fail.
   */
  readonly ifUnknown: UnknownOutcome;
}

/** The answer to a logout that is revgate's own. */
export interface OwnAnswer {
  /** Cookies that it clears. */
  readonly clearCookies: readonly string[];
  /** Where browsers are sent that ask for a page; undefined: nowhere. */
  readonly redirect?: string | undefined;
}

/** What holds for one request. */
export interface Route {
  /** Whether a token is needed; `optional`: none is, and one that is sent must be live. */
  readonly access: "public" | "optional" | "protected";
  /** What a 2xx there revokes. */
  readonly revoke: RevocationScope | undefined;
  /** Which answers count, by one rule or another; undefined: any 2xx. */
  readonly success?: readonly Success[] | undefined;
  /** What else it revokes, where the request carries it. */
  readonly alsoRevoke?: readonly OtherToken[] | undefined;
  /** Whose tokens it revokes, where that is not said by the token that the request carries. */
  readonly subjectsFrom?: readonly NamedSubject[] | undefined;
  /** Set if the token that the request carries should name it: a request without one is told of. */
  readonly expectsCarried?: boolean | undefined;
  /** Set where those are all that it revokes. */
  readonly keepsCarriedToken?: boolean | undefined;
  /** Set where some of this is in the request's body. */
  readonly needsBody?: boolean | undefined;
  /** What stays where all others end. */
  readonly sparing?: SparedTokens | undefined;
  /** Where its answer hands tokens out. */
  readonly handsOut?: readonly HandedOutSource[] | undefined;
  /** Set if a user who is handed one keeps that session alone. */
  readonly only?: "latest" | undefined;
  /** How many sessions a user who is handed a token may have; undefined: any number. */
  readonly maxSessions?: number | undefined;
  /** Set if what it hands out belongs together: with what was carried, too, if that session goes on. */
  readonly session?: "begins" | "continues" | undefined;
  /** Set if the token that it carries is replaced, and ends its session if it comes again. */
  readonly reused?: "end" | undefined;
  /** What revgate answers there itself, in place of the application; undefined: nothing. */
  readonly answered?: OwnAnswer | undefined;
  /** Texts of refusals there that replace the others. */
  readonly messages?: BodyOptions["messages"] | undefined;
  /** Where its token is sent; undefined: where all are. */
  readonly from?: readonly CredentialSource[] | undefined;
  /** Set where that may be a token that revgate can't look into: for how long one lives, in seconds. */
  readonly opaqueLifetimeSeconds?: number | undefined;
  /** Set if tokens may come in a WebSocket's messages: each that does is judged. */
  readonly messageToken?: MessageToken | undefined;
  /** Set if the first may come there, after a handshake without one. */
  readonly awaitsToken?: boolean | undefined;
  /** Whether a token passes that has expired, or that has been revoked. */
  readonly expired?: "refuse" | "forward" | undefined;
  readonly revoked?: "refuse" | "forward" | undefined;
  /** Set if no such request reaches the application. */
  readonly refuses?: boolean | undefined;
  /** Whether a response may pause for as long as it likes. */
  readonly streams?: boolean | undefined;
}

/** What the configuration says of a method and a path. */
export interface RouteRule extends Omit<Route, "success"> {
  /** Which answers count; undefined: any 2xx. */
  readonly success?: Success | undefined;
  /** `/login`, or a pattern (see path-pattern.ts). */
  readonly path: string;
  /** Upper case; undefined is every method. */
  readonly methods: readonly string[] | undefined;
  /** What else has to be so; such a rule only adds a revocation, or refuses. */
  readonly when?: Condition | undefined;
  /** Whether a path with encoded slashes may be meant: by both of their readings. */
  readonly allowsEncodedSlash?: boolean | undefined;
}

/** Whether a route ends all that was issued to a subject until then. */
export function endsByCutOff({ revoke, only }: Pick<Route, "revoke" | "only">): boolean {
  return revoke === "subject" || revoke === "others" || only !== undefined;
}

/** Whether the body of the application's response is read on a route. */
export function readsResponse({ subjectsFrom, success, handsOut, sparing }: Route): boolean {
  return (
    handsOut?.some(isInAnswersBody) === true ||
    sparing?.handedOut.some(isInAnswersBody) === true ||
    subjectsFrom?.some(({ source }) => isInAnswersBody(source)) === true ||
    success?.some(readsAnswer) === true
  );
}

function isInAnswersBody({ kind }: SubjectSource | HandedOutSource): boolean {
  return kind === "responseJson";
}
