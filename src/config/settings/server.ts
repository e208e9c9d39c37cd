import { engines } from "../../node-http/engine.ts";
import { about, choice, group } from "./readers.ts";

/** How requests are served. */
export const server = about(
  "How clients' requests are served.",
  group({
    engine: about(
      "direct is faster and uses parts of Node that Node does not document; node uses none of them.",
      choice(engines).default("direct"),
      { why: "On a major version of Node that was not tested it is node, and the log says so." },
    ),
  }).prefault({}),
);
