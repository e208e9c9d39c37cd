import { isJson, readResponseFields } from "../http/body-fields.ts";
import { HeaderList } from "../http/field-lines.ts";
import { valueAt } from "../http/json-pointer.ts";
import type { HeldResponse } from "../upstream/held-response.ts";

/** What a member of JSON can be compared with. */
export type Scalar = string | number | boolean | null;

/** Which answers of the application say that it did what it was asked. */
export interface Success {
  /** The statuses, from and to. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
  /** What a member of the answer has to be besides, by JSON Pointer; undefined: the status is enough. */
  readonly member:
    | { readonly pointer: string; readonly values: readonly Scalar[] | "absent" }
    | undefined;
  /**
   * Set if a GraphQL answer has to have a member of `data` without errors; `unread`: it is unknown what was asked,
   * and an answer that can't be read does not count.
   */
  readonly graphql?: { readonly keys: readonly string[]; readonly unread: boolean } | undefined;
}

/** What an answer says; `unknown`: it can't be read. */
export type SuccessReading = "success" | "failure" | "unknown";

/** What counts if nothing else is configured. */
export const any2xx: Success = { statuses: [[200, 299]], member: undefined };

/**
 * Whether an answer tells of success, by one of several rules; its body is read only if a rule looks into
 * it, up to `maxBytes`. What is no JSON, is too long, or lacks a member that it should have, can't be read.
 */
export function readSuccess(
  rules: readonly Success[],
  response: HeldResponse,
  maxBytes: number,
): SuccessReading | Promise<SuccessReading> {
  const { status } = response;
  const meant = rules.filter(({ statuses }) =>
    statuses.some(([from, to]) => status >= from && status <= to),
  );
  if (meant.length === 0) return "failure";
  if (meant.some((rule) => !readsAnswer(rule))) return "success";
  const unreadable = meant.every(({ graphql }) => graphql?.unread) ? "failure" : "unknown";
  if (!isJson(new HeaderList(response.headers))) return unreadable;
  return response.readBody(maxBytes).then((body) => {
    const fields = body && readResponseFields(body);
    if (fields?.kind !== "json") return unreadable;
    const readings = meant.map(({ member, graphql }) =>
      graphql === undefined
        ? readMember(fields.value, member)
        : readGraphql(fields.value, graphql.keys),
    );
    return (["success", "unknown"] as const).find((one) => readings.includes(one)) ?? "failure";
  });
}

/** Whether the body of an answer tells. */
export function readsAnswer({ member, graphql }: Success): boolean {
  return member !== undefined || graphql !== undefined;
}

/** Whether one of the operations was carried out, in one of the answers of a batch. */
function readGraphql(value: unknown, keys: readonly string[]): SuccessReading {
  const answers = Array.isArray(value) ? value : [value];
  return answers.some((answer) => keys.some((key) => isDone(answer, key))) ? "success" : "failure";
}

/** A field that nothing is returned by is null without an error. */
function isDone(answer: unknown, key: string): boolean {
  const done = valueAt(answer, `/data/${key}`);
  if (done !== null) return done !== undefined;
  const errors = valueAt(answer, "/errors");
  return !Array.isArray(errors) || errors.length === 0;
}

function readMember(value: unknown, member: Success["member"]): SuccessReading {
  if (member === undefined) return "success";
  const at = valueAt(value, member.pointer);
  if (member.values === "absent") return at === undefined || at === null ? "success" : "failure";
  if (at === undefined) return "unknown";
  return member.values.some((expected) => expected === at) ? "success" : "failure";
}
