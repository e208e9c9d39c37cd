/** A million revocations in a table: what one takes of memory and of time. Prints JSON. */
import { RevocationTable } from "../../src/denylist/memory/revocation-table.ts";

const count = 1_000_000;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const characters = Buffer.alloc(43);
let state = 1;

/** As many bits as a hash has, made without a byte of memory that could be counted later. */
function makeName(): string {
  for (let i = 0; i < characters.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    characters[i] = alphabet.charCodeAt(state >>> 26);
  }
  return characters.toString("latin1");
}

const names = Array.from({ length: count }, makeName);
const others = Array.from({ length: 200_000 }, makeName);

function makeTable(): RevocationTable {
  return new RevocationTable({ nowSeconds: () => 1000 });
}

function add(table: RevocationTable, value: string): void {
  table.add({ kind: "tok", value, expiresAt: 1e9 });
}

/** What a look-up, or an addition, takes, in nanoseconds. */
function nanoseconds(values: readonly string[], act: (value: string) => unknown): number {
  const startedMs = performance.now();
  for (const value of values) act(value);
  return ((performance.now() - startedMs) * 1e6) / values.length;
}

/** Resident memory, less what waits for the collector. */
function residentBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

// Everything that is made once has been made before it counts.
const small = makeTable();
for (let round = 0; round < 1000; round += 1) {
  for (let i = 0; i < 500; i += 1) add(small, names[i] ?? "");
}
for (const name of names) small.has({ id: name });

const before = residentBytes();
const table = makeTable();
const addNanoseconds = nanoseconds(names, (name) => add(table, name));
const bytes = (residentBytes() - before) / count;
const figures = {
  bytes,
  addNanoseconds,
  hitNanoseconds: nanoseconds(names, (name) => table.has({ id: name })),
  missNanoseconds: nanoseconds(others, (name) => table.has({ id: name })),
};
process.stdout.write(JSON.stringify(figures));
