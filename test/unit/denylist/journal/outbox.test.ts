import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry } from "../../../../src/denylist/denylist.ts";
import { Outbox } from "../../../../src/denylist/journal/outbox.ts";

const token = (value: string, expiresAt = 2000): Entry => ({ kind: "tok", value, expiresAt });
const subject = (value: string, expiresAt: number, cutoff: number): Entry => ({
  kind: "sub",
  value,
  expiresAt,
  cutoff,
});

describe("the outbox", () => {
  it("gives what is pending in the order in which it was revoked", () => {
    const outbox = new Outbox();
    for (const name of ["a", "b", "c"]) outbox.add(token(name));
    outbox.add(token("a"));
    assert.deepEqual(
      outbox.first(2).map(({ value }) => value),
      ["b", "c"],
    );
    assert.equal(outbox.size, 3);
  });

  it("keeps the later of two expiries and of two cut-offs, whichever came first", () => {
    const outbox = new Outbox();
    outbox.add(subject("alice", 3000, 1000));
    outbox.add(subject("alice", 2500, 900));
    assert.deepEqual(outbox.first(1), [subject("alice", 3000, 1000)]);
  });

  it("does not take an entry for acknowledged that was revoked anew meanwhile", () => {
    const outbox = new Outbox();
    outbox.add(token("a"));
    outbox.add(token("b"));
    const sent = outbox.first(2);
    outbox.add(token("a", 3000));
    assert.deepEqual(outbox.acknowledge(sent), [token("b")]);
    assert.equal(outbox.has({ kind: "tok", value: "a" }), true);
  });

  it("is the same after a restart: it follows the journal's records", () => {
    const outbox = new Outbox();
    outbox.replay({ verb: "revoked", entry: token("a") });
    outbox.replay({ verb: "revoked", entry: token("b") });
    outbox.replay({ verb: "shared", entry: token("c") });
    outbox.replay({ verb: "acked", name: { kind: "tok", value: "a" } });
    outbox.replay({ verb: "known", shard: "0", epoch: "x" });
    assert.deepEqual(outbox.first(9), [token("b")]);
    assert.equal(outbox.knows("0", "x"), true);
    assert.equal(outbox.knows("0", "y"), false);
    assert.equal(outbox.knows("1", "x"), false);
    assert.deepEqual(outbox.records(), [{ verb: "known", shard: "0", epoch: "x" }]);
  });

  it("forgets what has expired", () => {
    const outbox = new Outbox();
    outbox.add(token("a", 1000));
    outbox.add(token("b", 1001));
    outbox.dropExpired(1000);
    assert.deepEqual(outbox.first(9), [token("b", 1001)]);
  });
});
