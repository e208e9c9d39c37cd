import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { createBodyPlaces } from "../../../src/gateway/body-places.ts";
import type { Peer } from "../../../src/gateway/peer.ts";
import { gatherBody } from "../../../src/gateway/request-body.ts";
import { HeaderList } from "../../../src/http/field-lines.ts";

const headers = new HeaderList(["Content-Type", "application/json"]);
const from = (address: string) => ({ peer: { address } as Peer, headers });

/** Takes as many places as that for an address, and lists who had to leave. */
function take(max: number, bodyBytes: number) {
  const places = createBodyPlaces(bodyBytes);
  const left: string[] = [];
  const enter = (address: string, name = address) => places(from(address), () => left.push(name));
  const leaves = Array.from({ length: max }, (_, index) => enter("10.0.0.1", `first ${index}`));
  return { enter, left, leaves };
}

describe("bodies that are read at once", () => {
  it("are bounded together; the client that sends the most loses its oldest", () => {
    for (const [max, bodyBytes] of [
      [1024, 65_536],
      [1024, 1024],
      [256, 1_048_576],
    ] as const) {
      const { enter, left, leaves } = take(max - 1, bodyBytes);
      enter("10.0.0.2");
      assert.deepEqual(left, []);
      enter("10.0.0.3");
      assert.deepEqual(left, ["first 0"], `${bodyBytes}`);
      leaves[1]?.();
      enter("10.0.0.4");
      assert.equal(left.length, 1, "one has left by itself");
    }
  });

  it("let go of what they have if another gets their place", async () => {
    const request = new PassThrough();
    let giveAway = () => {};
    let freed = 0;
    const gathering = gatherBody(request as unknown as IncomingMessage, headers, {
      maxBytes: 1000,
      onStall: () => {},
      waitForTurn: () => true,
      takePlace: (onGivenAway) => {
        giveAway = onGivenAway;
        return () => {
          freed += 1;
        };
      },
    });
    request.write('{"a":');
    giveAway();
    const { bytes, isWhole, brokenOff } = await gathering;
    assert.deepEqual([bytes.length, isWhole, brokenOff], [0, false, "crowded_out"]);
    assert.ok(freed > 0);
  });

  it("leave their place when it is their turn to be read", async () => {
    const request = new PassThrough();
    let freed = 0;
    let giveTurn = (_hasTurn: boolean) => {};
    const gathering = gatherBody(request as unknown as IncomingMessage, headers, {
      maxBytes: 1000,
      onStall: () => {},
      takePlace: () => () => {
        freed += 1;
      },
      waitForTurn: () => {
        return new Promise((resolve) => {
          giveTurn = resolve;
        });
      },
    });
    request.end("{}");
    await once(request, "close");
    assert.equal(freed, 0);
    giveTurn(true);
    const { bytes, isWhole } = await gathering;
    assert.deepEqual([bytes.toString(), isWhole, freed], ["{}", true, 1]);
  });

  it("let go of what they have if others are let in before it is their turn", async () => {
    const request = new PassThrough();
    const gathering = gatherBody(request as unknown as IncomingMessage, headers, {
      maxBytes: 1000,
      onStall: () => {},
      takePlace: () => () => {},
      waitForTurn: async () => false,
    });
    request.end("{}");
    const { bytes, isWhole, brokenOff } = await gathering;
    assert.deepEqual([bytes.length, isWhole, brokenOff], [0, false, "crowded_out"]);
  });
});
