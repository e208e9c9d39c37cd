/**
 * A reporter of node's test runner: its TAP, and the tests that failed once more before the closing
 * lines, so that who sees the end of a long output sees them.
 *
 * JavaScript: the runner loads reporters as they are.
 */
import { relative } from "node:path";
import { tap } from "node:test/reporters";

/** A file of the sources, whether the runner names it, its compiled form or its address. */
const placeOf = ({ file, line, column }) =>
  file === undefined ? "?" : `${relative(process.cwd(), file)}:${line ?? "?"}:${column ?? "?"}`;

/** The test's name, its place, and what it threw in a few lines. */
function describeFailure(data, names) {
  const { error } = data.details ?? {};
  const cause = error?.cause ?? error;
  const text = String(cause?.stack ?? cause?.message ?? cause)
    .split("\n")
    .slice(0, 8);
  const name = [...names.slice(0, data.nesting), data.name].join(" > ");
  return [`# failed: ${name} (${placeOf(data)})`, ...text.map((line) => `#   ${line}`)];
}

/** Yields what `tap` does, and before its closing lines a comment for each failure. */
// biome-ignore lint/style/noDefaultExport: the runner takes a reporter by its default export
export default async function* failuresLast(events) {
  const failures = [];
  const names = [];
  async function* watched() {
    for await (const event of events) {
      const { type, data } = event;
      if (type === "test:start") names[data.nesting] = data.name;
      // A suite fails with what is in it.
      if (type === "test:fail" && data.details?.error?.failureType !== "subtestsFailed")
        failures.push(...describeFailure(data, names));
      yield event;
    }
  }
  for await (const chunk of tap(watched())) {
    if (chunk.startsWith("# tests ") && failures.length > 0) yield `${failures.join("\n")}\n`;
    yield chunk;
  }
}
