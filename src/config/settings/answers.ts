import { z } from "zod";
import { isOriginPattern } from "../../gateway/cors.ts";
import { neverSucceeds, renderBody } from "../../gateway/refusal-body.ts";
import { refusalReasons } from "../../gateway/verdict.ts";
import { headerName } from "./fields.ts";
import { about, choice, duration, flag, group, list, text } from "./readers.ts";

/** A group with the same setting for each error. */
function byError<Setting extends z.ZodType>(meaning: string, setting: Setting) {
  const shape = Object.fromEntries(
    refusalReasons.map((reason) => [reason, about(meaning, setting)]),
  ) as Record<(typeof refusalReasons)[number], Setting>;
  return group(shape);
}

const expectedText = "a text, or one for each language (en, zh, zh-CN)";
/** Texts by error. */
export const messages = byError(
  "Another text for this error.",
  z
    .union(
      [
        text("a text"),
        group({
          en: text("a text").optional(),
          zh: text("a text").optional(),
          "zh-CN": text("a text").optional(),
        }),
      ],
      { error: `expected ${expectedText}` },
    )
    .optional(),
);

const expectedStatus = "200, or a status from 400 to 599";
const status = z
  .number({ error: `expected ${expectedStatus}` })
  .int(`expected ${expectedStatus}`)
  .refine((value) => value === 200 || (value >= 400 && value <= 599), `expected ${expectedStatus}`)
  .meta({ description: expectedStatus });

const statuses = byError("Another status for this error.", status.optional()).refine(
  (each) => (each[neverSucceeds] ?? 503) >= 400,
  {
    message: "expected a status from 400 on: the logout is not in force everywhere yet",
    path: [neverSucceeds],
  },
);

const codes = byError(
  "What ${code} stands for with this error.",
  z.union([z.number(), text("a code")], { error: "expected a number or a text" }).optional(),
);

/** Cookies that an answer of revgate's clears. */
export const clearCookies = about(
  "Cookies to clear with the redirect.",
  list(
    text("the name of a cookie").regex(/^[\w!#$%&'*+.^`|~-]+$/, "expected the name of a cookie"),
    "names of cookies",
  ).default([]),
);

/** A page of the application's, or another one. */
export const pageAddress = text("a path or an address").refine(
  (value) => /^(?:\/(?![/\\])|https?:\/\/)[!-~]*$/.test(value),
  'expected a path such as "/login", or an address such as "https://id.example.com/login"',
);

const html = group({
  redirect: about("The page: a path, or an address with https:.", pageAddress, {
    example: "/login",
  }),
  clearCookies: about(
    "Cookies to clear with the redirect, if the token in them is refused as invalid, expired or revoked.",
    clearCookies,
  ),
});

const origin =
  'an origin as browsers send it (in lower case, without a slash or the default port), such as "https://shop.example", "https://*.shop.example" for all its subdomains, or "*"';

const defaultBody = '{"error":${error},"message":${message}}';

/** What revgate answers when it refuses. */
export const errors = about(
  "What revgate answers when it refuses a request.",
  group({
    language: about(
      "The language of the texts; auto: what the client asks for (Accept-Language), else English.",
      choice(["en", "zh", "zh-CN", "auto"]).default("en"),
      {
        why: "zh-CN has texts that a page can show as they are; those of zh are for clients that know them already.",
      },
    ),
    messages: about(
      'Other texts, by error, such as { token_missing: "Please log in." }.',
      messages.prefault({}),
    ),
    status: about(
      "Other statuses: one for all errors, or by error, such as { token_expired: 419 }.",
      z
        .union([status, statuses], { error: `expected ${expectedStatus}, or statuses by error` })
        .optional(),
      {
        why: "200 is for clients that read a code in the body. Load balancers, caches and monitoring then see no failure: alert on revgate_requests_total, whose outcomes do not change. A logout that is not in force everywhere (revocation_pending) stays 503. Only a 401 has WWW-Authenticate.",
        example: { token_expired: 419 },
      },
    ),
    codes: about(
      'What ${code} stands for in body, by error, such as { token_revoked: 40101, token_missing: "A0230" }; default: the status of docs/errors.md.',
      codes.prefault({}),
    ),
    body: about(
      "JSON in which ${error}, ${status}, ${message}, ${code} and ${requestId} stand for their values, without quotes.",
      text("a JSON template")
        .refine(
          isBodyTemplate,
          "expected JSON in which ${error}, ${status}, ${message}, ${code} and ${requestId} stand for values, without quotes around them",
        )
        .default(defaultBody),
      {
        why: "For APIs that have their own shape. Clients that accept application/problem+json get RFC 9457.",
      },
    ),
    html: about(
      "Redirects browsers to a page instead, if they ask for a page (GET, Accept: text/html) and get 401.",
      html.optional(),
      { why: "The page must be reachable without a token." },
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
      { why: "revgate does not change the application's answers." },
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
