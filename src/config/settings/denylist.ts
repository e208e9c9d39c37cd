import { unknownOutcomes } from "../../denylist/denylist.ts";
import { file } from "./fields.ts";
import { about, choice, duration, flag, group, text } from "./readers.ts";
import { redis } from "./redis.ts";

/** Where revocations are kept. */
export const denylist = about(
  "Where revocations are kept.",
  group({
    dataDir: about(
      "A directory for the journal, used by this sidecar alone; it must outlive the container.",
      text("the path of a directory").default("/var/lib/revgate"),
      {
        why: "Without Redis it is the only record; with Redis it also holds what Redis has not acknowledged yet.",
      },
    ),
    onUnknownOutcome: about(
      "How to treat a logout whose outcome is unknown (a time-out, a broken connection, a crash): revoke or keep.",
      choice(unknownOutcomes).default("revoke"),
      { why: "Being asked to log in again is the smaller harm." },
    ),
    nameKeyFile: about(
      "A secret of 32 bytes or more, the same on every sidecar: names in the store are then HMACs.",
      file.optional(),
      {
        example: "name-key",
        why: "Without it, anyone who reads the journal or Redis can find out by guessing who has logged out.",
      },
    ),
    formerNameKeyFile: about(
      "The previous secret, while revocations made with it may be in force.",
      file.optional(),
      { example: "former-name-key" },
    ),
    formerNames: about(
      "Also write and look up names in the form of earlier builds, and names without a key.",
      flag(true),
      {
        why: "Set it to false once every sidecar has been upgraded and tokens.maxLifetime has passed since.",
      },
    ),
    holdTimeout: about(
      "Max time that a logout waits for disk and Redis: before it is forwarded, and again after its 2xx.",
      duration("30s", "100ms", "10m"),
      {
        why: "Then the answer is 503: denylist_unavailable if nothing was forwarded, or revocation_pending while the revocation continues.",
      },
    ),
    redis: about(
      "The Redis through which several sidecars share their revocations.",
      redis.optional(),
    ),
  }).prefault({}),
);
