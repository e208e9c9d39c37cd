import type { z } from "zod";
import { renderBody } from "../../gateway/respond.ts";
import { refusalReasons } from "../../gateway/verdict.ts";
import { headerName } from "./fields.ts";
import { about, choice, duration, flag, group, list, text } from "./readers.ts";

const messages = Object.fromEntries(
  refusalReasons.map((reason) => [
    reason,
    about("Another text for this error.", text("a text").optional()),
  ]),
) as Record<(typeof refusalReasons)[number], z.ZodOptional<z.ZodString>>;

const defaultBody = '{"error":${error},"message":${message}}';

/** What revgate answers when it refuses. */
export const errors = about(
  "What revgate answers when it refuses a request.",
  group({
    language: about("The language of the texts.", choice(["en", "zh"]).default("en")),
    messages: about(
      'Other texts, by error, such as { token_missing: "Please log in." }.',
      group(messages).prefault({}),
    ),
    body: about(
      "JSON in which ${error}, ${status} and ${message} stand for their values, without quotes.",
      text("a JSON template")
        .refine(
          isBodyTemplate,
          "expected JSON in which ${error}, ${status} and ${message} stand for values, without quotes around them",
        )
        .default(defaultBody),
      { why: "For APIs that have a shape of their own." },
    ),
  }).prefault({}),
);

/** Pages of other origins. */
export const cors = about(
  "Pages of other origins.",
  group({
    allowOrigins: about(
      "Origins whose pages may read revgate's own refusals.",
      list(text("an origin"), "origins").default([]),
      { why: "The application's answers speak for themselves." },
    ),
    allowHeaders: about(
      "The headers that preflight: answer allows pages to send.",
      list(headerName, "headers").default(["content-type", "token"]),
    ),
    allowCredentials: about("Whether they may send cookies.", flag(false)),
    maxAge: about(
      "How long browsers remember the answer to a preflight.",
      duration("10m", "0s", "1d"),
    ),
    preflight: about(
      "A preflight carries no token: refuse it, forward it to the application, or answer it here.",
      choice(["refuse", "forward", "answer"]).default("refuse"),
    ),
  }).prefault({}),
);

function isBodyTemplate(body: string): boolean {
  try {
    JSON.parse(renderBody("token_missing", { body, language: "en", messages: {} }));
    return true;
  } catch {
    return false;
  }
}
