/**
 * `npm run mutation`: changes the code in one place at a time, and says how often a test notices.
 *
 *     npm run mutation -- --rooms gateway,token --sample 40 --seed 1
 *     npm run mutation -- --rooms server --tests unit,integration/drain.test.ts
 *
 * Of each room so many places are drawn; only tests that load the changed file are run, the nearest ones first. What
 * none of these tests loads is counted apart. A room stops drawing after --minutes, if given. Exits 1 if a room's score
 * is below --least (85).
 */
import { readdirSync, readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { transform } from "esbuild";
import { prepareKeyPairs } from "../helpers/key-pairs.ts";
import { repository } from "../tools/repository.ts";
import { type Mutant, mutantsOf, mutated } from "./mutants.ts";
import { findTests, runTests, type TestsOf } from "./test-runs.ts";

/** Those nearest to the file are run first: most mutants do not outlive them. */
const nearest = 2;
/** How often tests may be run to see that they pass without a mutant. */
const maxTries = 3;

const { values } = parseArgs({
  options: {
    rooms: { type: "string", default: "gateway,token,denylist,upstream,server" },
    tests: { type: "string", default: "unit" },
    sample: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
    least: { type: "string", default: "85" },
    minutes: { type: "string", default: "1000" },
  },
});

interface Place {
  readonly file: string;
  /** The file in JavaScript. */
  readonly source: string;
  readonly map: string;
  readonly mutant: Mutant;
}

/** Draws without a pattern, and the same each time (Mulberry32). */
function createDraw(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

async function placesIn(room: string): Promise<Place[]> {
  const names = readdirSync(join(repository, "src", room), { recursive: true, encoding: "utf8" });
  const places: Place[] = [];
  for (const name of names.filter((each) => each.endsWith(".ts")).sort()) {
    const file = `src/${room}/${name}`;
    const text = readFileSync(join(repository, file), "utf8");
    const made = await transform(text, { loader: "ts", target: "node20", sourcemap: "external" });
    const at = { file, source: made.code, map: made.map };
    places.push(...mutantsOf(made.code).map((mutant) => ({ ...at, mutant })));
  }
  return places;
}

function sample(places: readonly Place[], count: number, draw: (below: number) => number): Place[] {
  const left = [...places];
  const drawn: Place[] = [];
  while (drawn.length < count && left.length > 0) drawn.push(...left.splice(draw(left.length), 1));
  return drawn;
}

type Fate = "noticed" | "survived" | "unloaded" | "unusable";

async function fateOf({ file, source, mutant }: Place, testsOf: TestsOf): Promise<Fate> {
  const tests = testsOf(file);
  if (tests.length === 0) return "unloaded";
  const replaced = { source: file, text: mutated(source, mutant) };
  for (const some of [tests.slice(0, nearest), tests.slice(nearest)]) {
    if (some.length === 0) continue;
    await assertSound(some);
    const result = await runTests(some, replaced);
    if (result === "unusable") return "unusable";
    if (result === "failed") return "noticed";
  }
  return "survived";
}

const sound = new Set<string>();

/** Tests that fail without a mutant would notice everything; on a busy machine they may fail once. */
async function assertSound(tests: readonly string[]): Promise<void> {
  const key = tests.join("\n");
  for (let tries = 0; tries < maxTries && !sound.has(key); tries += 1) {
    if ((await runTests(tests)) === "passed") sound.add(key);
  }
  if (!sound.has(key)) throw new Error(`these fail by themselves:\n${key}`);
}

/** Where a mutant is, and what it makes of its line. */
function describePlace({ file, source, map, mutant }: Place): string {
  const before = source.slice(0, mutant.start).split("\n");
  const [line, column] = [before.length - 1, before.at(-1)?.length ?? 0];
  const payload = JSON.parse(map) as SourceMapPayload;
  const entry = new SourceMap(payload).findEntry(line, column);
  const place = "originalLine" in entry ? entry.originalLine + 1 : "?";
  const lineOf = (text: string) => text.split("\n")[line]?.trim() ?? "";
  return `${file}:${place}: ${lineOf(source)}  →  ${lineOf(mutated(source, mutant)) || "(nothing)"}`;
}

async function tryRoom(room: string, testsOf: TestsOf): Promise<number> {
  const draw = createDraw(Number(values.seed));
  const places = await placesIn(room);
  const fates: Record<Fate, number> = { noticed: 0, survived: 0, unloaded: 0, unusable: 0 };
  const endMs = performance.now() + Number(values.minutes) * 60_000;
  for (const place of sample(places, Number(values.sample), draw)) {
    if (performance.now() > endMs) break;
    const fate = await fateOf(place, testsOf);
    fates[fate] += 1;
    if (fate === "survived" || fate === "unloaded") print(`${fate}  ${describePlace(place)}`);
  }
  const score = (100 * fates.noticed) / (fates.noticed + fates.survived || 1);
  const { noticed, survived, unloaded, unusable } = fates;
  print(
    `${room}: ${score.toFixed(0)} % of ${noticed + survived} noticed; ${unloaded} in files that no test loads, ${unusable} that do not compile; of ${places.length} places`,
  );
  return score;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

prepareKeyPairs();
const testsOf = await findTests(values.tests.split(","));
const scores: number[] = [];
for (const room of values.rooms.split(",")) scores.push(await tryRoom(room, testsOf));
if (scores.some((score) => score < Number(values.least))) process.exitCode = 1;
