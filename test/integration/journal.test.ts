import assert from "node:assert/strict";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Entry } from "../../src/denylist/denylist.ts";
import type { Journal } from "../../src/denylist/journal/journal.ts";
import type { Loss } from "../../src/denylist/journal/open-file.ts";
import { openJournal } from "../../src/denylist/journal/open-journal.ts";
import { Outbox } from "../../src/denylist/journal/outbox.ts";
import { RevocationTable } from "../../src/denylist/memory/revocation-table.ts";
import { keptBeyondSeconds } from "../../src/denylist/retention.ts";
import { entryFor } from "../contract/denylist-suite.ts";
import { breakFiles, tearWrites } from "../helpers/broken-disk.ts";
import { temporaryDirectory } from "../helpers/temporary.ts";
import { until } from "../helpers/until.ts";

interface Opened {
  readonly journal: Journal;
  /** What the journal held when it was opened. */
  readonly found: readonly Entry[];
  readonly syncs: number[];
  readonly disk: (Error | undefined)[];
  readonly losses: Loss[];
  /** Puts an entry in the table, as whoever appends it does. */
  readonly add: (entry: Entry) => void;
}

async function openIn(
  t: TestContext,
  dataDir: string,
  nowSeconds?: () => number,
  outbox?: Outbox,
): Promise<Opened> {
  const clock = { nowSeconds: nowSeconds ?? (() => Date.now() / 1000) };
  const table = new RevocationTable(clock);
  const found: Entry[] = [];
  const syncs: number[] = [];
  const disk: (Error | undefined)[] = [];
  const losses: Loss[] = [];
  const journal = await openJournal({
    dataDir,
    outbox,
    clock,
    acknowledged: table,
    onEntry(entry) {
      table.add(entry);
      found.push(entry);
    },
    onSync: (seconds) => void syncs.push(seconds),
    onDisk: (error) => void disk.push(error),
    onLoss: (loss) => void losses.push(loss),
  });
  t.after(() => journal.close().catch(() => {}));
  return { journal, found, syncs, disk, losses, add: (entry) => void table.add(entry) };
}

const entries = (count: number, what = "e") =>
  Array.from({ length: count }, (_, i) => entryFor(`${what}${i}`));

const noSpace = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
const inputOutput = Object.assign(new Error("i/o error"), { code: "EIO" });

describe("the journal", () => {
  it("shares a sync among all that wait", async (t) => {
    const { journal, syncs } = await openIn(t, temporaryDirectory(t));
    await Promise.all(entries(500).map((entry) => journal.append([entry])));
    assert.ok(syncs.length <= 3, `${syncs.length} syncs for 500 appends`);
    assert.equal(journal.records, 500);
  });

  it("goes on after a reader that left in the middle", async (t) => {
    const { journal, add } = await openIn(t, temporaryDirectory(t));
    const entries = Array.from({ length: 10 }, (_, i) => entryFor(`read-${i}`));
    const append = async (entry: Entry) => {
      add(entry);
      await journal.append([entry]);
    };
    for (const entry of entries.slice(0, 9)) await append(entry);
    for await (const some of journal.entries()) {
      assert.deepEqual(some[0], entries[0]);
      break;
    }
    await append(entries[9] as Entry);
    const all: Entry[] = [];
    for await (const some of journal.entries()) all.push(...some);
    assert.equal(all.length, 10);
  });

  it("is read whole from wherever one begins, and says in which line it is damaged", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    const all = entries(20);
    await journal.append(all);
    const readFrom = async (from: number) => {
      const read: Entry[] = [];
      for await (const some of journal.entries(from)) read.push(...some);
      return read;
    };
    const path = join(dataDir, "journal");
    for (let step = 0; step < 2 * all.length; step += 1) {
      const read = await readFrom(step / (2 * all.length));
      assert.equal(read.length, all.length);
      const first = all.findIndex(({ value }) => value === read[0]?.value);
      assert.equal(first, Math.ceil(step / 2) % all.length);
      assert.deepEqual(read, [...all.slice(first), ...all.slice(0, first)]);
    }
    const bytes = readFileSync(path, "latin1");
    const damaged = bytes.replace(all[15]?.value ?? "", "x".repeat(43));
    const file = openSync(path, "r+");
    writeSync(file, damaged, 0, "latin1");
    closeSync(file);
    for (const from of [0, 0.3, 0.6, 0.95]) await assert.rejects(readFrom(from), /journal:17: not/);
  });

  it("drops a torn last record, and goes on behind the last whole one", async (t) => {
    const dataDir = temporaryDirectory(t);
    const first = await openIn(t, dataDir);
    await first.journal.append(entries(3));
    await first.journal.close();
    const file = join(dataDir, "journal");
    const whole = statSync(file).size;
    for (const cut of [1, 30, 70]) {
      truncateSync(file, whole - cut);
      const torn = await openIn(t, dataDir);
      assert.equal(torn.journal.tornRecords, 1);
      assert.deepEqual(torn.found, entries(2));
      await torn.journal.append(entries(3).slice(2));
      await torn.journal.close();
      assert.equal(statSync(file).size, whole);
      assert.deepEqual((await openIn(t, dataDir)).found, entries(3));
    }
  });

  for (const [what, title] of [
    ["is empty", ""],
    ["ends in its first line", "revgate-jo"],
  ] as const) {
    it(`does not start with a file that ${what}, says so, and leaves it as it is`, async (t) => {
      const file = join(temporaryDirectory(t), "journal");
      writeFileSync(file, title);
      const said = new RegExp(`journal:1: the file ${what}: what it held is lost.*or remove it`);
      await assert.rejects(openIn(t, dirname(file)), { code: "journal_damaged", message: said });
      assert.equal(readFileSync(file, "utf8"), title);
    });
  }

  it("does not start on damage before its end, and says where and what to do", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(3));
    await journal.close();
    const file = join(dataDir, "journal");
    const lines = readFileSync(file, "utf8").split("\n");
    lines[2] = lines[2]?.replace("revoked", "rewoked") ?? "";
    writeFileSync(file, lines.join("\n"));
    await assert.rejects(openIn(t, dataDir), {
      code: "journal_damaged",
      message: /journal:3: .*delete line 3/,
    });
    writeFileSync(file, "something else\nentirely\n");
    await assert.rejects(openIn(t, dataDir), { code: "journal_damaged", message: /journal:1: / });
  });

  it("compacts away what has expired, and keeps what is appended meanwhile", async (t) => {
    const dataDir = temporaryDirectory(t);
    let seconds = Date.now() / 1000;
    const { journal } = await openIn(t, dataDir, () => seconds);
    const short = entries(5000, "short").map((entry) => ({ ...entry, expiresAt: seconds + 10 }));
    await journal.append(short);
    await journal.append(entries(10));
    const before = journal.size;
    seconds += 20;
    const compacted = journal.compact();
    const meanwhile = entries(50, "meanwhile");
    await Promise.all([compacted, ...meanwhile.map((entry) => journal.append([entry]))]);
    await journal.append(entries(1, "after"));
    assert.ok(journal.size < before / 10);
    // And one that says what was left out.
    assert.equal(journal.records, 62);
    await journal.close();
    const expected = [...entries(10), ...meanwhile, ...entries(1, "after")];
    const { found } = await openIn(t, dataDir);
    assert.deepEqual(
      new Set(found.map(({ value }) => value)),
      new Set(expected.map(({ value }) => value)),
    );
    assert.equal(existsSync(join(dataDir, "journal.compacted")), false);
  });

  it("tells at start which intents were never settled", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    const [a, b, c, d] = ["a", "b", "c", "d"].map((what) => entryFor(what));
    assert.ok(a && b && c && d);
    const [lost, dropped, done] = [[a], [b], [c, d]].map((each) => journal.intend(each));
    await lost?.durable;
    journal.settle(dropped?.id ?? 0);
    await journal.append([c, d], { settles: done?.id });
    await journal.close();
    const again = await openIn(t, dataDir);
    assert.deepEqual(again.journal.unsettled, [{ id: lost?.id, entries: [a] }]);
    assert.deepEqual(again.found, [c, d]);
    // Numbers are not used twice, or a late settlement would settle another intent.
    assert.ok(again.journal.intend([b]).id > (done?.id ?? 0));
  });

  it("keeps open intents through compaction, and settled ones out", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    const early = journal.intend([entryFor("early")]);
    const settled = journal.intend([entryFor("settled")]);
    await Promise.all([early.durable, settled.durable]);
    journal.settle(settled.id);
    const compacted = journal.compact();
    const late = journal.intend([entryFor("late")]);
    await Promise.all([compacted, late.durable]);
    await journal.close();
    const { unsettled } = (await openIn(t, dataDir)).journal;
    assert.deepEqual(unsettled.map(({ id }) => id).sort(), [early.id, late.id].sort());
  });

  it("remembers through compaction what Redis has, and under which epoch", async (t) => {
    const dataDir = temporaryDirectory(t);
    const [pending, acknowledged, learned] = entries(3);
    assert.ok(pending && acknowledged && learned);
    const outbox = new Outbox();
    const { journal, add } = await openIn(t, dataDir, undefined, outbox);
    for (const entry of [pending, acknowledged]) {
      add(entry);
      await journal.append([entry]);
    }
    journal.keep([learned]);
    outbox.acknowledge([acknowledged]);
    journal.acknowledge(acknowledged);
    journal.note({ verb: "known", shard: "0", epoch: "x" });
    // Notes go with the next write.
    await journal.append([]);
    assert.match(readFileSync(join(dataDir, "journal"), "utf8"), / acked /);
    await journal.compact();
    await journal.close();

    const text = readFileSync(join(dataDir, "journal"), "utf8");
    assert.doesNotMatch(text, / acked /);
    const after = new Outbox();
    const { found } = await openIn(t, dataDir, undefined, after);
    assert.equal(found.length, 3);
    assert.deepEqual(after.first(9), [pending]);
    assert.equal(after.knows("0", "x"), true);
  });

  it("takes nothing for shared that Redis has not acknowledged, whatever the outbox has", async (t) => {
    const dataDir = temporaryDirectory(t);
    const outbox = new Outbox();
    const { journal, add } = await openIn(t, dataDir, undefined, outbox);
    const [own] = entries(1);
    assert.ok(own);
    add(own);
    await journal.append([own]);
    assert.deepEqual(outbox.first(9), [own]);
    // As if the outbox had lost it.
    outbox.acknowledge([own]);
    await journal.compact();
    await journal.close();
    const after = new Outbox();
    await openIn(t, dataDir, undefined, after);
    assert.deepEqual(after.first(9), [own]);
  });

  it("ignores what a crash left of a compaction", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(2));
    await journal.close();
    appendFileSync(join(dataDir, "journal.compacted"), "half a fi");
    assert.deepEqual((await openIn(t, dataDir)).found, entries(2));
    assert.equal(existsSync(join(dataDir, "journal.compacted")), false);
  });

  const faults = [
    [["write"], noSpace],
    [["datasync", "sync"], inputOutput],
  ] as const;
  for (const [methods, error] of faults) {
    it(`keeps what a failing ${methods[0]} did not make durable, and writes it when the disk is back`, async (t) => {
      const dataDir = temporaryDirectory(t);
      const { journal, disk } = await openIn(t, dataDir);
      await journal.append(entries(2, "before"));
      const mend = await breakFiles(t, methods, error);
      await assert.rejects(journal.append(entries(1, "during")), { code: "revocation_pending" });
      await assert.rejects(journal.append(entries(1, "during too")), {
        code: "revocation_pending",
      });
      assert.equal(journal.failure, error);
      assert.deepEqual(disk, [error]);
      mend();
      await journal.append(entries(1, "after"));
      assert.equal(journal.failure, undefined);
      assert.deepEqual(disk, [error, undefined]);
      await journal.close();
      const { found } = await openIn(t, dataDir);
      const expected = ["before0", "before1", "during0", "during too0", "after0"].map(
        (what) => entryFor(what).value,
      );
      assert.deepEqual(
        found.map(({ value }) => value),
        expected,
      );
    });
  }

  it("tries again by itself after a failure", async (t) => {
    const { journal, disk } = await openIn(t, temporaryDirectory(t));
    const mend = await breakFiles(t, ["datasync"], inputOutput);
    await assert.rejects(journal.append(entries(1)));
    mend();
    await until(() => journal.failure === undefined);
    assert.deepEqual(disk, [inputOutput, undefined]);
    assert.equal(journal.records, 1);
  });

  it("loses nothing when a compacted file is in place but its directory cannot be synced", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal, disk } = await openIn(t, dataDir);
    await journal.append(entries(2, "before"));
    const mend = await breakFiles(t, ["sync"], inputOutput, (file) => file.isDirectory());
    await journal.compact();
    assert.deepEqual(disk, [inputOutput]);
    mend();
    // Were this written to the file that the rename took away, it would be gone.
    await journal.append(entries(1, "after"));
    await journal.close();
    const { found } = await openIn(t, dataDir);
    const expected = ["before0", "before1", "after0"].map((what) => entryFor(what).value);
    assert.deepEqual(new Set(found.map(({ value }) => value)), new Set(expected));
  });

  it("leaves no hole behind a write that broke off in a compacted file", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(2, "before"));
    await journal.compact();
    const mend = await tearWrites(t, noSpace);
    await assert.rejects(journal.append(entries(1, "during")), { code: "revocation_pending" });
    mend();
    await journal.append(entries(1, "after"));
    await journal.close();
    const { found } = await openIn(t, dataDir);
    const expected = ["before0", "before1", "during0", "after0"].map(
      (what) => entryFor(what).value,
    );
    assert.deepEqual(
      found.map(({ value }) => value),
      expected,
    );
  });

  it("stays as it is when there is no room for a compaction", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(2, "before"));
    const mend = await breakFiles(t, ["write"], noSpace);
    await assert.rejects(journal.compact(), noSpace);
    assert.equal(journal.failure, undefined);
    mend();
    await journal.append(entries(1, "after"));
    assert.equal(journal.records, 3);
  });

  it("does not append to a file whose sync has failed: it writes a new one", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(1));
    const { ino } = statSync(join(dataDir, "journal"));
    const mend = await breakFiles(t, ["datasync"], inputOutput);
    await assert.rejects(journal.append(entries(1, "x")));
    mend();
    await journal.append(entries(1, "y"));
    assert.notEqual(statSync(join(dataDir, "journal")).ino, ino);
  });

  const losses: [string, (file: string) => void, RegExp][] = [
    ["removed", (file) => rmSync(file), /it was removed/],
    ["removed with its directory", (file) => rmSync(dirname(file), { recursive: true }), /removed/],
    [
      "replaced",
      (file) => {
        writeFileSync(`${file}.other`, "something else\n");
        renameSync(`${file}.other`, file);
      },
      /another file was put in its place/,
    ],
    ["appended to", (file) => appendFileSync(file, "x"), /it has \d+ bytes instead of \d+/],
  ];
  for (const [what, change, reason] of losses) {
    it(`is made again before anything counts if its file is ${what} under the process`, async (t) => {
      const dataDir = join(temporaryDirectory(t), "data");
      const { journal, losses } = await openIn(t, dataDir);
      await journal.append(entries(2, "before"));
      const open = journal.intend(entries(1, "open"));
      await open.durable;
      change(join(dataDir, "journal"));
      await journal.append(entries(1, "after"));
      assert.match(losses[0]?.reason ?? "", reason);
      assert.equal(losses[0]?.whole, true);
      assert.equal(losses.length, 1);
      assert.equal(journal.damage, undefined);
      // As if it had died right there.
      const again = await openIn(t, dataDir);
      assert.deepEqual(again.found, [...entries(2, "before"), ...entries(1, "after")]);
      assert.deepEqual(again.journal.unsettled, [{ id: open.id, entries: entries(1, "open") }]);
      assert.equal(again.journal.tornRecords, 0);
    });
  }

  it("says for as long as it runs that its file was cut short, and by how much", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal, losses } = await openIn(t, dataDir);
    await journal.append(entries(3));
    const whole = statSync(join(dataDir, "journal")).size;
    truncateSync(join(dataDir, "journal"), whole - 60);
    await journal.check();
    assert.deepEqual(losses, [
      { reason: `it has ${whole - 60} bytes instead of ${whole}`, whole: false },
    ]);
    assert.match(journal.damage ?? "", /instead of/);
    await journal.append(entries(1, "after"));
    assert.match(journal.damage ?? "", /instead of/);
    const { found } = await openIn(t, dataDir);
    assert.deepEqual(found, [...entries(2), ...entries(1, "after")]);
  });

  it("cannot be made again where there is no room for it, says so, and refuses to count anything", async (t) => {
    const dataDir = temporaryDirectory(t);
    const { journal } = await openIn(t, dataDir);
    await journal.append(entries(1, "before"));
    rmSync(join(dataDir, "journal"));
    const mend = await breakFiles(t, ["write"], noSpace);
    await assert.rejects(journal.append(entries(1, "during")), { code: "revocation_pending" });
    assert.equal(journal.failure, noSpace);
    mend();
    await journal.append(entries(1, "after"));
    const { found } = await openIn(t, dataDir);
    const values = new Set(found.map(({ value }) => value));
    for (const what of ["before0", "during0", "after0"]) {
      assert.ok(values.has(entryFor(what).value));
    }
  });

  it("reads what version 1 has written, makes it last as long as it has to now, and goes on in version 2", async (t) => {
    const dataDir = temporaryDirectory(t);
    copyFileSync("test/integration/journals/version-1", join(dataDir, "journal"));
    const outbox = new Outbox();
    const { journal, found } = await openIn(t, dataDir, undefined, outbox);
    const names = ["own tok", "own jti", "own sid", "own sub", "acked tok", "shared tok"];
    names.push("shared sub", "settled tok");
    assert.deepEqual(
      found.map(({ kind, value, cutoff }) => [kind, value, cutoff]),
      names.map((name) => [
        name.slice(-3),
        entryFor(name).value,
        { "own sub": 1_764_000_000, "shared sub": 1_764_000_001 }[name],
      ]),
    );
    for (const { expiresAt } of found) assert.equal(expiresAt, 4_000_000_000 + keptBeyondSeconds);
    // Redis has acknowledged one of those, and had two from the beginning.
    const pending = ["own tok", "own jti", "own sid", "own sub", "settled tok"];
    assert.deepEqual(
      outbox.first(9).map(({ value }) => value),
      pending.map((name) => entryFor(name).value),
    );
    assert.deepEqual(
      journal.unsettled.map(({ id, entries: some }) => [id, some.map(({ value }) => value)]),
      [[3, [entryFor("unsettled tok").value, entryFor("unsettled sub").value]]],
    );
    await journal.close();
    assert.match(readFileSync(join(dataDir, "journal"), "utf8"), /^revgate-journal 2\n/);
    const after = new Outbox();
    const again = await openIn(t, dataDir, undefined, after);
    assert.deepEqual(new Set(again.found), new Set(found));
    assert.deepEqual(after.first(9), outbox.first(9));
    assert.deepEqual(again.journal.unsettled, journal.unsettled);
  });
});
