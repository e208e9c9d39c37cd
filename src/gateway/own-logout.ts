import type { FieldLines } from "../http/field-lines.ts";
import type { Answer } from "../node-http/answer.ts";
import { PreparedAnswer } from "../node-http/whole-answers.ts";
import type { RequestLog } from "../observability/request-log.ts";
import type { Hold } from "../upstream/held-response.ts";
import { corsHeaders } from "./cors.ts";
import { recordOutcome } from "./record.ts";
import { type Refusals, refuse } from "./refuse.ts";
import type { OwnAnswer } from "./route.ts";
import type { Visit } from "./visit.ts";

/** What a hold takes for the application's answer. The revocation is what is done there: there is nothing that could fail. */
export const done = {
  status: 204,
  headers: [],
  readBody: async () => undefined,
  trailers: () => [],
} as const;

/**
 * Answers a logout in place of an application that would only forget the token.
 *
 * When the answer leaves, what the request carried has been revoked like behind an application's 2xx.
 */
export async function answerLogout(
  gate: Refusals & { readonly log: Pick<RequestLog, "withheld"> },
  visit: Visit,
  answer: Answer,
  { answered, hold }: { readonly answered: OwnAnswer; readonly hold: Hold | undefined },
): Promise<void> {
  try {
    await hold?.onResponse(done);
  } catch (error) {
    gate.log.withheld(visit.requestId, error as Error);
    refuse(gate, visit, answer, "revocation_pending");
    return;
  }
  if (!answer.gone && !answer.begun) {
    const more = corsHeaders(visit.headers.first("origin"), gate.cors);
    answer.sendPrepared(logoutAnswer(answered, visit), ["X-Request-Id", visit.requestId, ...more]);
  }
  recordOutcome(gate, visit, "logout_answered", answer.status);
}

/** The answer to a logout that is revgate's own. */
export function logoutAnswer(
  { clearCookies, redirect }: OwnAnswer,
  { headers }: Visit,
): PreparedAnswer {
  const cleared = clearCookies.flatMap((name) => ["Set-Cookie", `${name}=; Path=/; Max-Age=0`]);
  const isPage = redirect !== undefined && headers.first("accept")?.includes("text/html") === true;
  const fields: FieldLines = ["Cache-Control", "no-store", ...cleared];
  return isPage
    ? new PreparedAnswer({
        ...{ status: 303, reason: "See Other", body: "" },
        headers: ["Location", redirect, "Content-Length", "0", ...fields],
      })
    : new PreparedAnswer({ status: 204, reason: "No Content", body: "", headers: fields });
}
