import { type Client, isAnswer } from "../node-http/answer.ts";
import type { ReportUncaught } from "../observability/uncaught.ts";
import { type Refusals, refuse } from "./refuse.ts";
import type { Visit } from "./visit.ts";

/** Who is told of uncaught errors. */
export interface LastResort extends Refusals {
  readonly onUncaught: ReportUncaught;
}

/**
 * Ends a request that met an uncaught error: 500 if nothing has been answered yet, else the
 * connection is cut, so that a response that is not whole does not look so. Never throws.
 */
export function endUncaught(gate: LastResort, visit: Visit, client: Client, error: unknown): void {
  gate.onUncaught("clients", error);
  const begun = isAnswer(client) && client.begun;
  try {
    refuse(gate, visit, client, "internal_error");
  } catch (second) {
    gate.onUncaught("clients", second);
    cut(client);
  }
  if (begun) cut(client);
}

function cut(client: Client): void {
  if (isAnswer(client)) client.abandon();
  else client.destroy();
}

/** Runs one step of a request, now or when it is due; what it throws ends the request. */
export function guardStep(
  gate: LastResort,
  visit: Visit,
  client: Client,
  step: () => void | Promise<void>,
): void {
  const end = (error: unknown) => endUncaught(gate, visit, client, error);
  try {
    const later = step();
    if (later !== undefined) later.catch(end);
  } catch (error) {
    end(error);
  }
}
