import { z } from "zod";
import type { Scalar, Success } from "../../gateway/success.ts";
import { jsonPointer } from "./fields.ts";
import { about, group, list } from "./readers.ts";

const expectedStatus = 'a status such as 302, or all that begin alike, such as "2xx"';
const status = z
  .union([z.number().int().min(200).max(599), z.string().regex(/^[2-5]xx$/)], {
    error: `expected ${expectedStatus}`,
  })
  .describe(expectedStatus);

const expectedValue = "a text, a number, true, false or null";
/** What a member of JSON can be compared with. */
export const scalar = z
  .union([z.string(), z.number(), z.boolean(), z.null()], { error: `expected ${expectedValue}` })
  .describe(expectedValue);

/** Which answers of the application say that it did what it was asked. */
export const success = group({
  status: about(
    "The statuses that count.",
    list(status, "statuses").min(1, "expected at least one status").prefault(["2xx"]),
  ),
  responseJson: about(
    "A JSON Pointer (RFC 6901) to what tells success in the answer.",
    jsonPointer.optional(),
  ),
  in: about(
    'What it is then: one of these, compared as JSON, so that 0 is not "0".',
    list(scalar, "values").min(1, "expected at least one value").optional(),
  ),
  absent: about(
    "true: it is not there then, or null, as errors in GraphQL.",
    z.literal(true, { error: "expected true" }).optional(),
  ),
}).superRefine((settings, context) => {
  const { responseJson, in: values, absent } = settings;
  const ways = [values, absent].filter((way) => way !== undefined).length;
  if (ways === (responseJson === undefined ? 0 : 1)) return;
  const message = "expected responseJson with one of in and absent, or none of the three";
  context.addIssue({ code: "custom", message });
});

/** In the form in which the gateway reads it. */
export function successOf(settings: z.output<typeof success>): Success {
  const { status: statuses, responseJson, in: values } = settings;
  return {
    statuses: statuses.map((one) => {
      if (typeof one === "number") return [one, one] as const;
      const from = Number(one[0]) * 100;
      return [from, from + 99] as const;
    }),
    member:
      responseJson === undefined
        ? undefined
        : { pointer: responseJson, values: (values as readonly Scalar[] | undefined) ?? "absent" },
  };
}
