import { file } from "./fields.ts";
import { about, group, port, text, whole } from "./readers.ts";

/** The operators' port. */
export const admin = about(
  "Probes, metrics, the status page and the API: not for clients.",
  group({
    host: about("The address to listen on.", text("an address to listen on").default("0.0.0.0")),
    port: about("The port for probes and Prometheus.", port(9090)),
    tokenFile: about(
      "A secret of 16 characters or more, with which sessions can be ended from outside.",
      file.optional(),
      {
        why: "RFC 7009 POST /revoke, RFC 7662 POST /introspect, POST and GET /revocations; GET /openapi.json describes them.",
        example: "admin-token",
      },
    ),
    requestsPerSecond: about(
      "Max number of requests to the API that are answered in a second.",
      whole(50, 1, 100_000, "requests"),
    ),
  }).prefault({}),
);
