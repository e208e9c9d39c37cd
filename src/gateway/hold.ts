import type { Intent } from "../denylist/denylist.ts";
import { StoreUnavailableError } from "../errors.ts";
import { within } from "../platform/within.ts";
import { entriesFor } from "../revocation/entries.ts";
import { begun, linksFor, linkTogether, prolonged } from "../revocation/sessions.ts";
import { timeSinceAdmission } from "../revocation/time-since-admission.ts";
import type { VerifiedToken } from "../token/verified-token.ts";
import type { HeldResponse, Hold } from "../upstream/held-response.ts";
import { readGrpcSuccess } from "./grpc-answers.ts";
import { readHandedOut } from "./handed-out.ts";
import { certainOf, type EntriesAt, type Held, heldRevocation } from "./held-revocation.ts";
import type { Carried, HoldOptions } from "./hold-options.ts";
import { namesSubjectsInResponse, subjectsInResponse } from "./named-subjects.ts";
import type { Route } from "./route.ts";
import { any2xx, readSuccess, type SuccessReading } from "./success.ts";

/**
 * The hold on a revoking route, or undefined where a 2xx would revoke nothing.
 *
 * When it resolves, the intent is on disk and the request may go. The application's 2xx is then released
 * when the revocation is durable and in force, any other status at once; an answer that never comes
 * counts as a 2xx if the application may have had the request. A subject that only the answer names can't
 * be noted before: a crash in between loses it, and the client that waits for that answer asks again. Nor is one
 * noted that the request alone names, unless configured: anybody could have named it.
 *
 * Rejects, and notes nothing, if too many revocations rest on requests alone.
 */
export function holdFor(
  route: Route,
  carried: Carried,
  options: HoldOptions,
): Promise<Hold> | undefined {
  const { revoke: scope, subjectsFrom, only } = route;
  const namesNobody = carried.tokens.length + carried.subjects.length === 0;
  if (only === undefined && (scope === undefined || (namesNobody && !subjectsFrom))) {
    return undefined;
  }
  const { clock, lifetimes, denylist, unproven } = options;
  if (!unproven.take(carried.unproven)) {
    return Promise.reject(new StoreUnavailableError("too many unproven revocations"));
  }
  const time = timeSinceAdmission(clock);
  const entriesAt: EntriesAt = (seconds, { named, handedOut = [] }) => {
    const subjects = named.filter((name) => name !== undefined);
    const spares = { kept: carried.kept ?? [], handedOut, since: time.admittedSeconds };
    const ends = { scope, tokens: carried.tokens, subjects, spares };
    const entries = entriesFor({ ...ends, onlyHandedOut: only !== undefined }, seconds, lifetimes);
    const whose =
      route.session === "begins" ? begun(handedOut, seconds) : prolonged(handedOut, denylist);
    return [...entries, ...linksFor(handedOut), ...whose];
  };
  const intended = within(
    denylist.intend(entriesAt(time.admittedSeconds, { named: certainOf(carried) })),
    {
      limitMs: options.holdTimeoutMs,
      tooLate: () => new StoreUnavailableError("the journal took too long to record the request"),
      // The request has been refused: nothing will be done.
      onLate(intent) {
        intent.drop();
        unproven.giveBack(carried.unproven);
      },
    },
  );
  return intended.then((intent) => holdWith(intent, { route, carried, entriesAt, time }, options));
}

function holdWith(intent: Intent, held: Held, options: HoldOptions): Hold {
  const { route, carried } = held;
  const { onUnknownOutcome } = options;
  const acts = heldRevocation(intent, held, options);
  const onSuccess = (response: HeldResponse) => {
    if (route.revoke === "session" && !carried.tokens.some(hasSession)) options.onSessionUnknown();
    const named = carried.subjects.map(({ name }) => name);
    if (!readsTokens(route) && !namesSubjectsInResponse(route)) return acts.revoke({ named });
    return readAnswer(held, response, options).then(async (answer) => {
      await acts.revoke({ ...answer, named: [...named, ...answer.named] });
      options.onHandedOut(answer.handedOut);
    });
  };
  const onUnreadable = () => {
    options.onUnreadable();
    if (onUnknownOutcome === "keep") return acts.drop();
    const named = acts.namedIfUnknown();
    const endsNothing = carried.tokens.length === 0 && named.every((name) => name === undefined);
    return endsNothing ? acts.drop() : acts.revoke({ named });
  };
  const act = (reading: SuccessReading, response: HeldResponse): Promise<void> | undefined => {
    if (reading === "success") return onSuccess(response);
    return reading === "unknown" ? onUnreadable() : acts.drop();
  };
  return {
    onResponse(head) {
      const { success } = route;
      const response = readOnce(head);
      if (success === undefined && isRedirection(head)) options.onRedirection(head.status);
      const reading =
        readGrpcSuccess(response, options.bodyBytes) ??
        readSuccess(success ?? [any2xx], response, options.bodyBytes);
      return reading instanceof Promise
        ? reading.then((late) => act(late, response))
        : act(reading, response);
    },
    async onLost(sent) {
      if (!sent || onUnknownOutcome === "keep") return acts.drop();
      const { entries, carryOut } = acts.note({ named: acts.namedIfUnknown() });
      if (entries.length === 0) return acts.drop();
      options.onLost(entries);
      // If it is pending, it is in force here and is tried again: no client waits for it.
      await carryOut().catch(() => {});
    },
  };
}

/** Whether tokens are sought in a route's answers, for what they spare. */
function readsTokens({ sparing, only }: Route): boolean {
  return only !== undefined || (sparing !== undefined && sparing.handedOut.length > 0);
}

/** One that is dead already ends no session, and is expected to end none. */
function hasSession({ sid, session, isDead }: VerifiedToken): boolean {
  return (sid ?? session) !== undefined || isDead === true;
}

/** What the application's answer says of whose tokens end, and which stay. */
async function readAnswer(held: Held, response: HeldResponse, options: HoldOptions) {
  const { route, time } = held;
  const { bodyBytes, verifier, lifetimes } = options;
  const { sparing, only, session, handsOut = [] } = route;
  const sources = [...(sparing?.handedOut ?? []), ...(only === undefined ? [] : handsOut)];
  const opaqueUntil =
    session === undefined ? undefined : time.admittedSeconds + lifetimes.maxLifetimeSeconds;
  const [named, handedOut] = await Promise.all([
    subjectsInResponse(route, response, { bodyBytes, names: verifier.names }),
    readHandedOut(sources, response, { ...options, opaqueUntil }),
  ]);
  const isUseless = handedOut.every(({ subject }) => subject === undefined);
  if (sources.length > 0 && isUseless) options.onNothingHandedOut();
  return { named, handedOut: linkedTo(held, handedOut) };
}

/** What is handed out in the place of a token belongs to its session; at a login, one begins. */
function linkedTo({ route, carried }: Held, handedOut: readonly VerifiedToken[]) {
  const before = route.session === "begins" ? undefined : carried.kept?.[0];
  if (route.session === undefined && before?.session === undefined) return handedOut;
  return linkTogether(handedOut, before);
}

/** The same response, whose body may be asked for more than once. */
function readOnce(held: HeldResponse): HeldResponse {
  let body: Promise<Buffer | undefined> | undefined;
  return {
    status: held.status,
    headers: held.headers,
    trailers: () => held.trailers(),
    readBody(maxBytes) {
      body ??= held.readBody(maxBytes);
      return body;
    },
  };
}

function isRedirection({ status }: HeldResponse): boolean {
  return status >= 300 && status < 400 && status !== 304;
}
