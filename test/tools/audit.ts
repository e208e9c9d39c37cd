/**
 * Asks the registry about known vulnerabilities in what is shipped; fails on any that is high or worse.
 *
 * A registry that does not answer (a mirror, a closed network) is no failure, but is said.
 */
import { spawnSync } from "node:child_process";

interface Audit {
  readonly metadata?: { readonly vulnerabilities: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string }>>;
  readonly message?: string;
}

const { stdout } = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
  encoding: "utf8",
  timeout: 60_000,
});
const audit = read(stdout);
if (audit?.metadata === undefined) {
  process.stderr.write(`npm audit: no answer from the registry (${audit?.message ?? "nothing"})\n`);
} else {
  const grave = Object.entries(audit.vulnerabilities ?? {}).filter(([, { severity }]) =>
    ["high", "critical"].includes(severity),
  );
  for (const [name, { severity }] of grave)
    process.stderr.write(`npm audit: ${name}: ${severity}\n`);
  process.stderr.write(`npm audit: ${JSON.stringify(audit.metadata.vulnerabilities)}\n`);
  process.exitCode = grave.length > 0 ? 1 : 0;
}

function read(json: string): Audit | undefined {
  try {
    return JSON.parse(json) as Audit;
  } catch {
    return undefined;
  }
}
