/**
 * A reporter of node's test runner: how long each folder of test/ takes, and the slowest files.
 *
 * JavaScript: the runner loads reporters as they are.
 */
/** Yields the table when the run has ended; times are seconds, summed over tests that ran side by side. */
// biome-ignore lint/style/noDefaultExport: the runner takes a reporter by its default export
export default async function* times(events) {
  const files = new Map();
  for await (const { type, data } of events) {
    if ((type !== "test:pass" && type !== "test:fail") || data.nesting !== 0) continue;
    const file = (data.file ?? "?").replace(/^.*\/test\//, "");
    files.set(file, (files.get(file) ?? 0) + (data.details?.duration_ms ?? 0) / 1000);
  }
  const folders = new Map();
  for (const [file, seconds] of files) {
    const [folder = file] = file.split("/");
    folders.set(folder, (folders.get(folder) ?? 0) + seconds);
  }
  for (const [folder, seconds] of folders) yield `${seconds.toFixed(0).padStart(6)} s  ${folder}\n`;
  yield "slowest:\n";
  const slowest = [...files].sort(([, some], [, others]) => others - some);
  for (const [file, seconds] of slowest.slice(0, 25)) {
    yield `${seconds.toFixed(1).padStart(6)} s  ${file}\n`;
  }
}
