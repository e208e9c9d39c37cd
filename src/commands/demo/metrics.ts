import type { Sidecar } from "./setup.ts";

const shown =
  /^revgate_(?:requests_total|revocations_total|denylist_entries|verification_cache|connections_cut)/;

/** The metrics of a sidecar that the demo shows, by name and labels. */
export async function readMetrics({ adminUrl }: Sidecar): Promise<Map<string, number>> {
  const response = await fetch(`${adminUrl}/metrics`);
  const lines = (await response.text()).split("\n").filter((line) => shown.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}
