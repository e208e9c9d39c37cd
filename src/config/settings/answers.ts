import type { z } from "zod";
import { isOriginPattern } from "../../gateway/cors.ts";
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

const origin =
  'an origin as browsers send it (in lower case, without a slash or the default port), such as "https://shop.example", "https://*.shop.example" for all its subdomains, or "*"';

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
      "Origins whose pages may read revgate's own refusals; https://*.shop.example is every subdomain.",
      list(
        text("an origin").refine((value) => isOriginPattern(value), `expected ${origin}`),
        "origins",
      ).default([]),
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
  })
    .superRefine((settings, context) => {
      const report = (path: string, message: string) =>
        context.addIssue({ code: "custom", message, path: [path] });
      const { allowOrigins, allowHeaders, allowCredentials, preflight } = settings;
      // With credentials it is a name like any other (Fetch standard, section 3.3.5).
      const message = 'expected no "*" beside allowCredentials: browsers ignore it';
      if (allowCredentials && allowOrigins.includes("*")) report("allowOrigins", message);
      if (allowCredentials && allowHeaders.includes("*")) report("allowHeaders", message);
      if (allowOrigins.length > 0) return;
      const noEffect = "has no effect without allowOrigins";
      if (allowCredentials) report("allowCredentials", noEffect);
      if (preflight === "answer") report("preflight", `answer ${noEffect}`);
    })
    .prefault({}),
);

function isBodyTemplate(body: string): boolean {
  try {
    JSON.parse(renderBody("token_missing", { body, language: "en", messages: {} }));
    return true;
  } catch {
    return false;
  }
}
