import { unknownOutcomes } from "../../denylist/denylist.ts";
import { about, choice, group, text } from "./readers.ts";
import { redis } from "./redis.ts";

/** Where revocations are kept. */
export const denylist = about(
  "Where revocations are kept.",
  group({
    dataDir: about(
      "A directory of this sidecar's own that outlives the container, for the journal.",
      text("the path of a directory").default("/var/lib/revgate"),
      {
        why: "Without Redis it is the only memory, with Redis it holds what Redis has not acknowledged.",
      },
    ),
    onUnknownOutcome: about(
      "How to treat a logout whose outcome is unknown (a time-out, a broken connection, a crash): revoke or keep.",
      choice(unknownOutcomes).default("revoke"),
      { why: "Being asked to log in again is the smaller harm." },
    ),
    redis: about("With several sidecars they share their revocations here.", redis.optional()),
  }).prefault({}),
);
