import { algorithms, key } from "./fields.ts";
import { about, choice, group, list, text, whole } from "./readers.ts";

const ends = about(
  "What one ends: all tokens of the user, or those of the session.",
  choice(["subject", "session"]).default("subject"),
  {
    why: "subject also ends those of the session (sid) if one is named. session: of that session alone; use it if access tokens carry sid. A logout without sid ends all.",
  },
);

const backchannelLogout = group({
  issuer: about(
    "One of the issuers of tokens; may be left out if there is one.",
    text("an issuer").optional(),
  ),
  audience: about("The client id there.", text("a client id")),
  ends,
});

const transmitter = group({
  issuer: about("Who sends them.", text("an issuer")),
  audience: about("Whom its events are for.", text("an audience")),
  algorithms,
  keys: about(
    "The keys that sign its events; default: those of the issuer of tokens with the same name.",
    list(key, "keys").default([]),
  ),
  ends,
});

/** Identity providers that say when sessions end. */
export const signals = about(
  "Identity providers that say when sessions end, by messages to the admin listener.",
  group({
    backchannelLogout: about(
      "OpenID Connect Back-Channel Logout 1.0, at POST /backchannel-logout.",
      list(backchannelLogout, "issuers").default([]),
      {
        moreExamples: [{ issuer: "https://id.example.com", audience: "shop", ends: "subject" }],
      },
    ),
    transmitters: about(
      "Shared Signals by push (RFC 8935), at POST /events.",
      list(transmitter, "transmitters").default([]),
      {
        why: "CAEP session-revoked; RISC account-disabled, account-purged and account-credential-change-required.",
        moreExamples: [
          {
            issuer: "https://id.example.com",
            audience: "https://shop.example.com/events",
            algorithms: ["RS256"],
            keys: [{ jwksUrl: "https://id.example.com/jwks" }],
            ends: "subject",
          },
        ],
      },
    ),
    requestsPerSecond: about(
      "Max number of events of one issuer that are carried out in a second, at each of the two paths.",
      whole(50, 1, 100_000, "requests"),
    ),
  }).prefault({}),
  {
    why: "They reach the admin listener; from outside the cluster, route only these two paths to it. A message is trusted by its signature, and taken once.",
  },
);
