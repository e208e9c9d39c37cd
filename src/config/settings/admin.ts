import { file, hostName } from "./fields.ts";
import { about, group, list, port, text, whole } from "./readers.ts";

/** The operators' port. */
export const admin = about(
  "Probes, metrics, the status page and the API: not for clients.",
  group({
    host: about("The address to listen on.", text("an address to listen on").default("0.0.0.0")),
    port: about("The port for probes and Prometheus.", port(9090)),
    tokenFile: about(
      "The secret of the API, 16 characters or more; the API ends sessions from outside.",
      file.optional(),
      {
        why: "RFC 7009 POST /revoke, RFC 7662 POST /introspect, POST and GET /revocations; GET /openapi.json describes them.",
        example: "admin-token",
      },
    ),
    hosts: about(
      "Names by which clients reach the status page and the API, besides addresses and localhost.",
      list(hostName, "names").default([]),
      {
        why: "A request to another Host gets 421, so that no foreign page gets in through a name that leads here (DNS rebinding). Probes, /metrics and signals are exempt.",
      },
    ),
    maxConnections: about(
      "Max number of connections; one more takes the place of an idle one.",
      whole(128, 8, 65_535, "connections"),
    ),
    requestsPerSecond: about(
      "Max number of requests with the secret that each operation of the API answers in a second.",
      whole(50, 1, 100_000, "requests"),
    ),
  }).prefault({}),
);
