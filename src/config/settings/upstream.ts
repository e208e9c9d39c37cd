import { file } from "./fields.ts";
import { about, duration, group, origin, whole } from "./readers.ts";

/** The application. */
export const upstream = about(
  "The application.",
  group({
    url: about(
      "Its address: http: or https:, host and port.",
      origin(["http:", "https:"], "http://127.0.0.1:3000").prefault("http://127.0.0.1:3000"),
      { why: "In a pod it should listen on loopback only." },
    ),
    caFile: about("Certificates to trust for https: besides the system's.", file.optional(), {
      example: "upstream-ca.pem",
    }),
    connectTimeout: about("Max time to connect to it.", duration("2s", "10ms", "5m")),
    responseTimeout: about(
      "Max time from the request being sent to the head of the response.",
      duration("60s", "10ms", "1h"),
      { why: "The body may then take as long as it likes." },
    ),
    maxConnections: about(
      "Max connections to it; requests beyond that wait for one.",
      whole(512, 1, 65_535, "connections"),
    ),
  }).prefault({}),
);
