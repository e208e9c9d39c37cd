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
  if (meant.some(({ member }) => member === undefined)) return "success";
  if (!isJson(new HeaderList(response.headers))) return "unknown";
  return response.readBody(maxBytes).then((body) => {
    const fields = body && readResponseFields(body);
    if (fields?.kind !== "json") return "unknown";
    const readings = meant.map(({ member }) => readMember(fields.value, member));
    return (["success", "unknown"] as const).find((one) => readings.includes(one)) ?? "failure";
  });
}

function readMember(value: unknown, member: Success["member"]): SuccessReading {
  if (member === undefined) return "success";
  const at = valueAt(value, member.pointer);
  if (member.values === "absent") return at === undefined || at === null ? "success" : "failure";
  if (at === undefined) return "unknown";
  return member.values.some((expected) => expected === at) ? "success" : "failure";
}
