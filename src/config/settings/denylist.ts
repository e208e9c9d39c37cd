import { unknownOutcomes } from "../../denylist/denylist.ts";
import { file } from "./fields.ts";
import { about, choice, duration, flag, group, text } from "./readers.ts";
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
    nameKeyFile: about(
      "A secret of 32 bytes or more, the same on every sidecar: the store then has HMACs for names.",
      file.optional(),
      {
        example: "name-key",
        why: "Without it whoever reads the journal or Redis can find out by guessing who has logged out.",
      },
    ),
    formerNameKeyFile: about(
      "The secret before that one, while revocations made with it may be in force.",
      file.optional(),
      { example: "former-name-key" },
    ),
    formerNames: about(
      "Also write and look up the names of revgate 0.1, and those without a name key.",
      flag(true),
      {
        why: "false as soon as every sidecar has been upgraded and tokens.maxLifetime has passed since.",
      },
    ),
    holdTimeout: about(
      "Max time that a logout waits for disk and Redis: before it is forwarded, and again behind its 2xx.",
      duration("30s", "100ms", "10m"),
      {
        why: "Then it is answered 503: denylist_unavailable, and nothing was forwarded; or revocation_pending, and the revocation goes on.",
      },
    ),
    redis: about("With several sidecars they share their revocations here.", redis.optional()),
  }).prefault({}),
);
