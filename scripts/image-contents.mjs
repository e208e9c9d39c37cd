/**
 * Prepares what the image holds; the Dockerfile runs it in its build stage, in the folder of package.json.
 *
 *     node image-contents.mjs dependencies   makes optional peers (OpenTelemetry, gRPC) dependencies, by name and
 *                                            with the versions of the lock file, and drops what only builds
 *     node image-contents.mjs sbom           writes sbom.cdx.json: CycloneDX without serial number and time,
 *                                            which no two builds would share
 *     node image-contents.mjs notices        writes THIRD-PARTY-NOTICES: name, version, licence and its text
 *                                            of each package in node_modules
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const steps = { dependencies, sbom, notices };
const step = steps[process.argv[2]];
if (step === undefined) {
  process.stderr.write(`expected one of ${Object.keys(steps).join(", ")}\n`);
  process.exitCode = 2;
} else {
  step();
}

function dependencies() {
  const { devDependencies, scripts, peerDependencies, peerDependenciesMeta, ...kept } =
    readJson("package.json");
  const all = { ...kept.dependencies, ...peerDependencies };
  writeFileSync("package.json", asJson({ ...kept, dependencies: all }));
}

function sbom() {
  const options = { encoding: "utf8", maxBuffer: 2 ** 26 };
  const { serialNumber, ...bill } = JSON.parse(
    execFileSync("npm", ["sbom", "--sbom-format=cyclonedx"], options),
  );
  delete bill.metadata.timestamp;
  bill.metadata.component.name = "revgate";
  writeFileSync("sbom.cdx.json", `${JSON.stringify(bill)}\n`);
}

function notices() {
  const parts = packagesIn("node_modules").map((folder) => {
    const { name, version, license } = readJson(join(folder, "package.json"));
    const texts = readdirSync(folder).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file));
    if (texts.length === 0) throw new Error(`${name}@${version} has no licence file`);
    const said = texts.map((file) => readFileSync(join(folder, file), "utf8").trim());
    return [`${name}@${version} (${license})`, ...said].join("\n\n");
  });
  if (parts.length === 0) throw new Error("no package in node_modules");
  writeFileSync("THIRD-PARTY-NOTICES", `${parts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`);
}

/** The folders of all packages, those inside others included. */
function packagesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map((entry) => join(folder, entry.name))
    .flatMap((path) => (path.split("/").at(-1).startsWith("@") ? foldersIn(path) : [path]))
    .flatMap((path) => [path, ...nestedIn(path)])
    .sort();
}

function nestedIn(path) {
  return readdirSync(path).includes("node_modules") ? packagesIn(join(path, "node_modules")) : [];
}

function foldersIn(path) {
  return readdirSync(path).map((name) => join(path, name));
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

function asJson(value) {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
