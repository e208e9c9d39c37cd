import type { Breakage } from "./breakage.ts";

const neverForgotten = {
  file: "denylist/memory/revocation-table.js",
  from: /expiresAt !== undefined && expiresAt \+ keptBeyondSeconds <= this\.forgottenUntil/,
  to: "false",
};

/** What a sidecar by itself can do wrong. */
export const breakagesOfOne = {
  /** The journal is written some time after the answer. */
  "late-journal": {
    changes: [
      {
        file: "denylist/embedded.js",
        from: /await journal\.append\((live[^;]*)\);/,
        to: "setTimeout(() => journal.append($1).catch(() => {}), 400);",
      },
    ],
    topology: "embedded",
    only: ["sidecar killed"],
    violation: "revoked token allowed",
  },
  /** Entries live for a fixed time instead of as long as the token. */
  "fixed-ttl": {
    changes: [
      {
        file: "revocation/entries.js",
        from: /const expiresAt = token\.expiresAt [^;]*;/,
        to: "const expiresAt = Date.now() / 1000 + 3;",
      },
    ],
    topology: "embedded",
    only: ["disk slow"],
    violation: "revoked token allowed",
  },
  /** What goes on under a token goes on without it. */
  "no-cut": {
    changes: [
      {
        file: "gateway/live-connections.js",
        from: /\(\{ names \}\) => fallsUnder\([^)]*\)/,
        to: "() => false",
      },
    ],
    topology: "embedded",
    shows: "at the end",
    violation: "revoked connection open",
  },
  /** A subject's cut-off means whoever logs in until the next second, too. */
  "no-second": {
    changes: [
      { file: "revocation/cut-off.js", from: /if \(!\(leftMs > 0\)\)\s*return;/, to: "return;" },
    ],
    topology: "embedded",
    violation: "live token refused",
  },
  /** A session's end is told to nobody else. */
  "no-sessions": {
    changes: [
      {
        file: "denylist/denylist.js",
        from: /if \(sid !== undefined\)\s*names\.push[^;]*;/,
        to: "",
      },
      {
        file: "denylist/memory/revocation-table.js",
        from: /if \(sid\.size > 0 &&[^)]*\)\)\s*return true;/,
        to: "",
      },
      // Nor under the names of before.
      {
        file: "denylist/memory/revocation-table.js",
        from: /return token\.others\?\.some\([^;]*;/,
        to: "return false;",
      },
    ],
    topology: "embedded",
    violation: "revoked token allowed",
  },
  /** Entries are forgotten, and tokens expire, by the wall clock alone. */
  "wall-clock": {
    changes: [
      { file: "platform/anchored-clock.js", from: /this\.#earliest\.value/, to: "this.#wall" },
      {
        file: "platform/anchored-clock.js",
        from: /this\.#isInDoubt\(\) \? Math\.max\(\.\.\.this\.#offsets\(\)\) : this\.#wall/,
        to: "this.#wall",
      },
      {
        file: "platform/anchored-clock.js",
        from: /(get doubt\(\) \{)/,
        to: "$1 return undefined;",
      },
      { file: "platform/anchored-clock.js", from: /(#isInDoubt\(\) \{)/, to: "$1 return false;" },
      neverForgotten,
    ],
    topology: "embedded",
    only: ["clock ahead"],
    violation: "live token refused",
  },
  /** What was forgotten while a clock was ahead is taken for never revoked. */
  "no-sweep-line": {
    changes: [
      { file: "platform/anchored-clock.js", from: /this\.#earliest\.value/, to: "this.#wall" },
      {
        file: "denylist/table-loader.js",
        from: /(load\(\) \{)/,
        to: "$1 return Promise.resolve();",
      },
      neverForgotten,
    ],
    topology: "embedded",
    only: ["clock ahead"],
    violation: "revoked token allowed",
  },
  /** Entries are kept for as long as the present tolerance lets their tokens live. */
  "own-tolerance": {
    changes: [
      { file: "denylist/retention.js", from: /3 \* largestToleranceSeconds/, to: "0" },
      neverForgotten,
    ],
    topology: "embedded",
    only: ["settings changed"],
    violation: "revoked token allowed",
  },
  /** To which session a token belongs is nobody's concern when that has ended. */
  "no-links": {
    changes: [
      {
        file: "denylist/memory/revocation-table.js",
        from: /return session !== undefined && sid\.has\(session\);/,
        to: "return false;",
      },
    ],
    topology: "embedded",
    violation: "revoked token allowed",
  },
  /** A login ends none of its user's sessions. */
  "no-limit": {
    changes: [
      { file: "gateway/session-limit.js", from: /return byAge\.slice\(.*\);/, to: "return [];" },
    ],
    topology: "embedded",
    violation: "revoked token allowed",
  },
  /** Who ends all others ends with them. */
  "no-sparing": {
    changes: [{ file: "revocation/entries.js", from: /sparing: sparingOf\(spares, now\)/, to: "" }],
    topology: "embedded",
    violation: "live token refused",
  },
  /** Nobody looks whether the journal is still in its directory. */
  "no-look-at-the-journal": {
    changes: [
      {
        file: "denylist/journal/open-file.js",
        from: /(async loss\([^)]*\) \{)/,
        to: "$1 return undefined;",
      },
    ],
    topology: "embedded",
    only: ["journal removed", "sidecar killed"],
    violation: "revoked token allowed",
  },
} as const satisfies Record<string, Breakage>;
