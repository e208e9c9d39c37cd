import { isPathPattern } from "../../gateway/path-pattern.ts";
import { clearCookies, pageAddress } from "./answers.ts";
import { otherToken } from "./fields.ts";
import { about, choice, group, list, text } from "./readers.ts";

/** A logout of revgate's own. */
export const logout = about(
  "A logout that revgate answers itself, for applications that only forget the token in the browser.",
  group({
    path: about(
      "The path, as the application's own: a POST to it never reaches the application.",
      text("a path").refine(
        (path) => isPathPattern(path) && !/[*{]/.test(path),
        'expected a path in canonical form without "*" and "{name}", such as "/revgate/logout"',
      ),
      { example: "/revgate/logout" },
    ),
    revoke: about(
      "What it ends, as routes[].revoke. A token that has expired ends nothing but itself: no application could refuse it.",
      choice(["token", "session", "subject"]).default("token"),
    ),
    alsoRevoke: about(
      "Other tokens that end with it, as routes[].alsoRevoke.",
      list(otherToken, "sources").optional(),
    ),
    clearCookies: about("Cookies that the answer clears.", clearCookies),
    redirect: about(
      "Where browsers are sent that ask for a page (303); all others get 204.",
      pageAddress.optional(),
    ),
  })
    .superRefine(({ alsoRevoke = [] }, context) => {
      for (const [index, { path }] of alsoRevoke.entries()) {
        if (path === undefined) continue;
        const message =
          "expected another place: the path of this logout has no segments with names";
        context.addIssue({ code: "custom", message, path: ["alsoRevoke", index, "path"] });
      }
    })
    .optional(),
  {
    why: "No token is needed: a second logout, an expired token and no token are answered alike. An invalid token gets 401.",
    example: { path: "/revgate/logout", clearCookies: ["session"], redirect: "/login" },
  },
);
