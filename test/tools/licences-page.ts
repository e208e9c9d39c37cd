import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../helpers/program.ts";
import { shippedPackages } from "./shipped-packages.ts";

const introduction = `# Licences

revgate is under the [Apache License 2.0](../LICENSE). Written by \`npm run docs\` from package-lock.json; do not edit.

These packages come with it, for \`npm install\` or only in the image (the optional peers for OpenTelemetry and for
Envoy's gRPC). The image holds their licences in \`/app/THIRD-PARTY-NOTICES\`, its bill of materials is \`/app/sbom.cdx.json\`. A test refuses a
package whose licence is not permissive.
`;

/** docs/licences.md: what is shipped, and under which licences. */
export function licencesPage(): string {
  const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8"));
  const always = new Set(shippedPackages(packages, "npm").map(({ name }) => name));
  const rows = shippedPackages(packages, "image").map(
    ({ name, version, license }) =>
      `| \`${name}\` | ${version} | ${license} | ${always.has(name) ? "" : "image only"} |`,
  );
  return `${introduction}\n| package | version | licence | |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}
