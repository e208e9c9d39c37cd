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
    ),
    idleTimeout: about(
      "Max time between two parts of the body of a response.",
      duration("60s", "10ms", "1d"),
      {
        why: "An application that stops in the middle is given up, and so is the response. Not on routes with stream: true, nor while it is the client that does not read.",
      },
    ),
    maxConnections: about(
      "Max connections to it; requests beyond that wait for one.",
      whole(512, 1, 65_535, "connections"),
    ),
    maxQueued: about(
      "Max requests that wait for a connection; more are answered 503 upstream_busy.",
      whole(10_000, 0, 1_000_000, "requests"),
      { why: "Each takes a few kilobytes while it waits." },
    ),
    queueTimeout: about(
      "Max time that a request waits for a connection; then it is answered 503 upstream_busy.",
      duration("10s", "10ms", "5m"),
    ),
  }).prefault({}),
);
