import { stepsOf } from "../http/json-pointer.ts";
import { looselyAt } from "../http/loose-fields.ts";
import type { Sent } from "../token/credential.ts";
import { loadGraphqlParser, type MutationReading, readMutations } from "./graphql-operations.ts";
import type { Scalar } from "./success.ts";

/** What else has to be so for a rule to apply. It can only add a revocation, so it is read widely. */
export interface Condition {
  /** Names of hosts, in lower case. */
  readonly hosts?: readonly string[] | undefined;
  /** Values are compared in any letter case; `*` is any. */
  readonly headers?: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** A member of the body in JSON; without values it is there. */
  readonly member?:
    | { readonly pointer: string; readonly values: readonly Scalar[] | undefined }
    | undefined;
  /** Root fields of GraphQL mutations. */
  readonly mutations?: readonly string[] | undefined;
}

/** What a condition says of a request: not met; or met, and under which keys of the answer mutations are found. */
export type ConditionReading = false | { readonly mutations: MutationReading | undefined };

/** A condition that is ready to be asked; undefined for `sent` stands for any request. */
export type ReadCondition = (sent: Sent | undefined) => ConditionReading;

const met: ConditionReading = { mutations: undefined };

/**
 * Makes what tells whether a condition is met. What can't be read (yet) counts as met: the application's answer
 * decides then whether something happened.
 */
export function compileCondition(condition: Condition | undefined): ReadCondition {
  if (condition === undefined) return () => met;
  const { mutations: names } = condition;
  const parse = names && loadGraphqlParser();
  const read = parse && mutationReader(parse, new Set(names));
  return (sent) => {
    if (sent === undefined) return met;
    if (!isHost(condition, sent) || !hasHeaders(condition, sent) || !hasMember(condition, sent)) {
      return false;
    }
    if (read === undefined) return met;
    const found = read(sent);
    return found.length === 0 ? false : { mutations: found };
  };
}

/** A request is judged again when it has waited: what its body asks for is read once. */
function mutationReader(
  parse: ReturnType<typeof loadGraphqlParser>,
  mutations: ReadonlySet<string>,
): (sent: Sent) => MutationReading {
  const known = new WeakMap<object, MutationReading>();
  return (sent) => {
    const found = (sent.body && known.get(sent.body)) ?? readMutations(parse, sent, mutations);
    if (sent.body !== undefined) known.set(sent.body, found);
    return found;
  };
}

/** Whether the body is needed to tell. */
export function asksBody(condition: Condition | undefined): boolean {
  return condition?.member !== undefined || condition?.mutations !== undefined;
}

function isHost({ hosts }: Condition, { headers }: Sent): boolean {
  if (hosts === undefined) return true;
  const [host = ""] = (headers.first("host") ?? "").toLowerCase().split(/:\d*$/);
  return hosts.includes(host.replace(/\.$/, ""));
}

function hasHeaders({ headers: wanted = [] }: Condition, { headers }: Sent): boolean {
  return wanted.every(({ name, values }) =>
    headers
      .allSpellings(name)
      .some(
        (sent) =>
          values.includes("*") ||
          values.some((value) => value.toLowerCase() === sent.trim().toLowerCase()),
      ),
  );
}

function hasMember({ member }: Condition, { body }: Sent): boolean {
  if (member === undefined || body === undefined) return true;
  if (body.fields.kind === "none") return false;
  // No JSON: an application may read the same in it.
  if (body.fields.kind !== "json") return true;
  const value = looselyAt(body.fields.value, stepsOf(member.pointer));
  if (value === undefined) return false;
  const { values } = member;
  // A list or an object is no text: an application may read one of the values in it.
  if (values === undefined || (typeof value === "object" && value !== null)) return true;
  return values.some((one) => String(one) === String(value));
}
