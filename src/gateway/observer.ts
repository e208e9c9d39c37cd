import type { Verifier } from "../token/verifier.ts";
import type { Admission, Admitted } from "./checks.ts";
import { isComplete, isWellFramed } from "./framing.ts";
import { shapeOf } from "./route-shape.ts";
import { findTokens } from "./tokens-anywhere.ts";
import type { RefusalReason } from "./verdict.ts";
import type { Outcome, Visit } from "./visit.ts";

/** What a request carried: nothing that is a token, one that is accepted, or another. */
export const carriedKinds = ["nothing", "valid", "other"] as const;
/** How the application answered: 2xx, 3xx, 401 or 403, or otherwise. */
export const answerKinds = ["ok", "redirected", "denied", "other"] as const;

type Carried = (typeof carriedKinds)[number];
type Answers = Record<(typeof answerKinds)[number], number>;

/** What was seen of one route. */
export interface ObservedRoute {
  readonly method: string;
  /** Segments that look like ids are `{id}`. */
  readonly path: string;
  /** How the application answered, by what the requests carried. */
  readonly answers: Record<Carried, Answers>;
  /** How many requests would have been refused, by reason. */
  readonly wouldRefuse: Partial<Record<RefusalReason, number>>;
}

/** Where JWTs stood, as a source of `tokens.from`; and how many were accepted. */
export interface ObservedSource {
  readonly source: Readonly<Record<string, string>>;
  readonly valid: number;
  readonly invalid: number;
}

/** All that was seen. */
export interface Observed {
  readonly requests: number;
  readonly tokens: readonly ObservedSource[];
  readonly routes: readonly ObservedRoute[];
  /** Requests to routes beyond the first thousand, or with a path that no rule can name. */
  readonly leftOut: number;
}

/** Watches requests, and lets those pass that would be refused. */
export interface Observer {
  /** Sees by these checks what was decided about a request; what it returns is what happens. */
  see(verifier: Pick<Verifier, "verify">, visit: Visit, admission: Admission): Admission;
  /** Sees how a request ended. */
  saw(visit: Visit, outcome: Outcome, status: number | undefined): void;
  observed(): Observed;
}

const maxRoutes = 1000;
const maxSources = 100;

/** As what a request passes that would be refused: nothing is revoked by it. */
const passesAnyway: Admitted = {
  kind: "pass",
  route: { access: "public", revoke: undefined },
  token: undefined,
  otherTokens: [],
  spared: [],
};

/** Makes an observer. */
export function createObserver(): Observer {
  const notes = new WeakMap<Visit, { carried: Carried; reason: RefusalReason | undefined }>();
  const sources = countSources();
  const routes = countRoutes();
  let requests = 0;
  let leftOut = 0;

  return {
    see(verifier, visit, admission) {
      const reason = admission.kind === "deny" ? admission.reason : undefined;
      const tokenIsWrong = reason?.startsWith("token_") === true && reason !== "token_missing";
      const known = notes.get(visit);
      const carried = known?.carried ?? sources.count(verifier, visit);
      notes.set(visit, {
        reason: reason ?? known?.reason,
        carried: tokenIsWrong && carried === "nothing" ? "other" : carried,
      });
      return reason === undefined || !canPass(visit, reason) ? admission : passesAnyway;
    },

    saw(visit, outcome, status) {
      requests += 1;
      const note = notes.get(visit);
      const route = note && routes.find(visit);
      if (note === undefined || route === undefined) {
        leftOut += 1;
        return;
      }
      const { reason, carried } = note;
      if (reason !== undefined) route.wouldRefuse[reason] = (route.wouldRefuse[reason] ?? 0) + 1;
      if (outcome === "forwarded") route.answers[carried][answerKind(status ?? 0)] += 1;
    },

    observed: () => ({ requests, leftOut, tokens: sources.list(), routes: routes.list() }),
  };
}

type MutableSource = { -readonly [name in keyof ObservedSource]: ObservedSource[name] };

/** Counts where tokens stand, wherever that is: `tokens.from` may not be right yet. */
function countSources() {
  const sources = new Map<string, MutableSource>();
  return {
    list: () => [...sources.values()],
    count(verifier: Pick<Verifier, "verify">, visit: Visit): Carried {
      const found = findTokens(visit.headers, visit.target).map(({ source, credential }) => {
        const isValid = verifier.verify(credential, { search: "none" }).kind === "valid";
        const key = JSON.stringify(source);
        const counted = sources.get(key) ?? { source, valid: 0, invalid: 0 };
        counted[isValid ? "valid" : "invalid"] += 1;
        if (sources.size < maxSources) sources.set(key, counted);
        return isValid;
      });
      if (found.length === 0) return "nothing";
      return found.includes(true) ? "valid" : "other";
    },
  };
}

/** Counts what was seen of each route. */
function countRoutes() {
  const routes = new Map<string, ObservedRoute>();
  return {
    list: () => [...routes.values()],
    find(visit: Visit): ObservedRoute | undefined {
      const path = shapeOf(visit.target);
      if (path === undefined) return undefined;
      const method = visit.request.method ?? "";
      const key = `${method} ${path}`;
      if (!routes.has(key) && routes.size < maxRoutes) routes.set(key, emptyRoute(method, path));
      return routes.get(key);
    },
  };
}

/** What can't be read in one way can't be passed on; nor what did not arrive whole. */
function canPass({ request, headers, target }: Visit, reason: RefusalReason): boolean {
  if (reason === "request_too_large" || reason === "request_timeout") return false;
  return isComplete(headers) && isWellFramed(request, headers) && target.startsWith("/");
}

function answerKind(status: number): keyof Answers {
  if (status < 300) return "ok";
  if (status < 400) return "redirected";
  return status === 401 || status === 403 ? "denied" : "other";
}

function emptyRoute(method: string, path: string): ObservedRoute {
  const none = (): Answers => ({ ok: 0, redirected: 0, denied: 0, other: 0 });
  const answers = { nothing: none(), valid: none(), other: none() };
  return { method, path, answers, wouldRefuse: {} };
}
