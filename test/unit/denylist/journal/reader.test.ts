import assert from "node:assert/strict";
import type { FileHandle } from "node:fs/promises";
import { describe, it } from "node:test";
import { readRecords } from "../../../../src/denylist/journal/reader.ts";
import { formatRecord, journalTitle } from "../../../../src/denylist/journal/record.ts";

const record = formatRecord({ verb: "settled", id: 1 });

/** A file of texts, each so many times. */
function fileOf(...parts: readonly (readonly [text: string, times: number])[]) {
  const bytes = Buffer.concat(
    parts.map(([text, times]) => Buffer.alloc(text.length * times, text)),
  );
  const read = async (into: Buffer, offset: number, length: number, position: number) => ({
    bytesRead: bytes.copy(into, offset, position, position + length),
  });
  return { file: { read } as unknown as FileHandle, size: bytes.length };
}

async function countIn({ file, size }: ReturnType<typeof fileOf>): Promise<number> {
  const part = { path: "journal", version: 2, start: journalTitle.length, end: size } as const;
  let count = 0;
  for await (const { records } of readRecords(file, part)) count += records.length;
  return count;
}

const endless = ["x", 16_000_000] as const;

describe("a line of a journal that does not end", () => {
  it("is put together no further than a record can be long", async (t) => {
    const concat = t.mock.method(Buffer, "concat");
    const opened = fileOf([journalTitle, 1], [record, 3], endless);
    concat.mock.resetCalls();
    assert.equal(await countIn(opened), 3);
    const copied = concat.mock.calls.reduce((sum, { result }) => sum + (result?.length ?? 0), 0);
    assert.ok(copied < 2 * opened.size, `${copied} bytes`);
  });

  it("is named with its number as soon as anything comes behind it", async () => {
    const opened = fileOf([journalTitle, 1], [record, 3], endless, ["\n", 1], [record, 1]);
    await assert.rejects(countIn(opened), /journal:5: not a record/);
  });

  it("is damaged whatever its checksum says", async () => {
    const long = formatRecord({ verb: "known", shard: "x".repeat(5000), epoch: "e" });
    assert.equal(await countIn(fileOf([journalTitle, 1], [record, 1], [long, 1])), 1);
    const between = fileOf([journalTitle, 1], [long, 1], [record, 1]);
    await assert.rejects(countIn(between), /journal:2: not a record/);
  });
});

describe("the records of a journal", () => {
  it("come some at a time, so that requests go on while a million are read", async () => {
    const entry = { kind: "tok", value: "x".repeat(43), expiresAt: 1_764_000_000 } as const;
    const line = formatRecord({ verb: "revoked", entry });
    const { file, size } = fileOf([journalTitle, 1], [line, 20_000]);
    const part = { path: "journal", version: 2, start: journalTitle.length, end: size } as const;
    const counts: number[] = [];
    for await (const { records } of readRecords(file, part)) counts.push(records.length);
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      20_000,
    );
    assert.ok(Math.max(...counts) < 1000, `${Math.max(...counts)} at a time`);
  });
});
