import { z } from "zod";
import type { Condition } from "../../gateway/condition.ts";
import { headerName, hostName, jsonPointer } from "./fields.ts";
import { about, group, list, text } from "./readers.ts";
import { scalar } from "./success.ts";

/** One, or any of a list. */
function oneOf<Item extends z.ZodType>(item: Item, expected: string) {
  return z.union([item, list(item, expected).min(1)], {
    error: `expected one of ${expected}, or a list`,
  });
}

/** What else has to be so for a rule to revoke. */
export const when = group({
  host: about("The host that is asked, or any of a list.", oneOf(hostName, "hosts").optional()),
  headers: about(
    "Headers and their values, in any letter case; * is any, such as { x-action: logout }.",
    z
      .record(headerName, oneOf(text("a value"), "values"), {
        error: "expected names of headers and their values",
      })
      .optional(),
  ),
  requestJson: about(
    "A JSON Pointer (RFC 6901) to a member that is there in the request's body.",
    jsonPointer.optional(),
  ),
  in: about(
    "What the member is then: one of these, compared as text.",
    list(scalar, "values").min(1, "expected at least one value").optional(),
  ),
}).superRefine((settings, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message });
  const { host, headers, requestJson } = settings;
  if (host === undefined && headers === undefined && requestJson === undefined) {
    refuse("expected host, headers or requestJson");
  }
  if (settings.in !== undefined && requestJson === undefined) {
    refuse("expected in only beside requestJson");
  }
});

const fieldName = text("the name of a field").regex(
  /^[A-Za-z_]\w*$/,
  "expected the name of a field of Mutation",
);

/** Which operations of a GraphQL endpoint a rule is about. */
export const graphql = group({
  mutation: about(
    "The field of Mutation, or a list of them.",
    oneOf(fieldName, "fields of Mutation"),
  ),
});

interface ConditionSettings {
  readonly when?: z.output<typeof when> | undefined;
  readonly graphql?: z.output<typeof graphql> | undefined;
}

/** Both in the form in which the gateway asks them; undefined if there is none. */
export function conditionOf(rule: ConditionSettings): Condition | undefined {
  if (rule.when === undefined && rule.graphql === undefined) return undefined;
  const { host, headers = {}, requestJson, in: values } = rule.when ?? {};
  return {
    hosts: host === undefined ? undefined : [host].flat(),
    headers: Object.entries(headers).map(([name, wanted]) => ({
      name: name.toLowerCase(),
      values: [wanted].flat(),
    })),
    member: requestJson === undefined ? undefined : { pointer: requestJson, values },
    mutations: rule.graphql && [rule.graphql.mutation].flat(),
  };
}
