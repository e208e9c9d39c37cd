import { unknownOutcomes } from "../../denylist/denylist.ts";
import { bodyFields, checkPlace, claimName, headerName, jsonPointer, pathField } from "./fields.ts";
import { about, choice, group, text } from "./readers.ts";

/** Where a route finds the subject whose tokens end. */
export const subjectSource = group({
  ...pathField,
  query: about("A field of the query string.", text("the name of a field").optional()),
  ...bodyFields,
  claim: about(
    "The claim of the JWT there, by name or JSON Pointer. revgate does not verify that JWT; the application must.",
    claimName.optional(),
  ),
  responseJson: about(
    "A JSON Pointer (RFC 6901) into the application's answer.",
    jsonPointer.optional(),
  ),
  responseHeader: about("A header of the application's answer.", headerName.optional()),
  issuer: about(
    "The issuer of the subject, if there are several issuers.",
    text("an issuer").optional(),
  ),
  onUnknownOutcome: about(
    "How to treat an unknown outcome if only the request names the subject: keep (the default) or revoke.",
    choice(unknownOutcomes).optional(),
    {
      why: "With revoke, a client that makes the application fail or hang ends the sessions of any subject it names.",
    },
  ),
})
  .superRefine(
    checkPlace(["path", "query", "requestJson", "form", "responseJson", "responseHeader"]),
  )
  .superRefine((settings, context) => {
    const { onUnknownOutcome, responseJson, responseHeader } = settings;
    if (responseJson === undefined && responseHeader === undefined) return;
    const refuse = (setting: string, message: string) =>
      context.addIssue({ code: "custom", message, path: [setting] });
    if (onUnknownOutcome !== undefined) {
      const message =
        "expected path, query, requestJson or form beside it: without an answer, no other subject is known";
      refuse("onUnknownOutcome", message);
    }
    if (settings.claim !== undefined) {
      refuse("claim", "expected path, query, requestJson or form beside it");
    }
  });
