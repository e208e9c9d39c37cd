import type { CommandIo } from "../io.ts";
import { readMetrics } from "./metrics.ts";
import type { DemoSetup, Sidecar } from "./setup.ts";
import { Walk } from "./walk.ts";
import { openWebSocket } from "./web-socket.ts";

const orders = { method: "GET", path: "/orders" } as const;
const served = { status: 200 } as const;
const refused = { status: 401, error: "token_revoked" } as const;

/** Walks a person through it; resolves with whether every step came out as it says. */
export async function tellStory(setup: DemoSetup, io: CommandIo): Promise<boolean> {
  const walk = new Walk(io);
  walk.note(`An application that knows nothing of revocation: ${setup.applicationUrl}`);
  if (setup.redisUrl === undefined) {
    walk.note(`revgate in front of it: ${setup.sidecars[0].url}`);
    walk.note(
      "With redis-server or valkey-server on the PATH, two sidecars share their revocations.",
    );
  } else {
    const urls = setup.sidecars.map(({ url }) => url).join(" and ");
    walk.note(`Two sidecars in front of it, which share a Redis: ${urls}`);
  }
  const alice = await logOut(setup, walk);
  const bob = await changePassword(setup, walk);
  await survive(setup, walk, { dead: alice, live: bob });
  return walk.wentWell;
}

/** The two ends of the story: where something is done, and where else it counts. */
function endsOf({ sidecars: [first, second = first] }: DemoSetup) {
  const named = (name: string) => (first === second ? "" : ` at the ${name} sidecar`);
  return { first, second, atFirst: named("first"), atSecond: named("second") };
}

async function logOut(setup: DemoSetup, walk: Walk): Promise<string> {
  const { first, second, atFirst, atSecond } = endsOf(setup);
  const token = await walk.logIn(
    first,
    "alice logs in, and gets a token that lives for three days",
    ...(["alice", "wonderland"] as const),
  );
  await walk.take({ at: second, says: `she calls${atSecond}`, ...orders, token, expect: served });
  const socket = await openWebSocket(`${second.url}/updates`, token);
  walk.report(`she opens a WebSocket${atSecond}`, true, ["> GET /updates, Upgrade: websocket"]);
  const logout = { method: "POST", path: "/logout", expect: served } as const;
  await walk.take({ at: first, says: `she logs out${atFirst}`, ...logout, token });
  const again = `the same call again${atSecond}`;
  await walk.take({ at: second, says: again, ...orders, token, expect: refused });
  const { code, reason } = await socket.closed;
  const isCut = code === 4401 && reason === "token_revoked";
  walk.report(`her WebSocket${atSecond} is cut`, isCut, [`< close ${code} ${reason}`]);
  await walk.take({
    ...{ at: second, says: "the same token, its signature spelled differently" },
    ...{ ...orders, token: respell(token), expect: { status: 401 } },
  });
  return token;
}

async function changePassword(setup: DemoSetup, walk: Walk): Promise<string> {
  const { first, second, atFirst, atSecond } = endsOf(setup);
  const phone = await walk.logIn(first, "bob logs in on his phone", "bob", "builder");
  const laptop = await walk.logIn(second, "and on his laptop", "bob", "builder");
  await walk.take({
    ...{ at: first, says: `he changes his password on the phone${atFirst}` },
    ...{ method: "POST", path: "/change-password", token: phone, expect: served },
    json: { old: "builder", new: "carpenter" },
  });
  const lost = `the laptop's token is dead${atSecond}`;
  await walk.take({ at: second, says: lost, ...orders, token: laptop, expect: refused });
  return walk.logIn(second, "he logs in with the new password", "bob", "carpenter");
}

interface Tokens {
  readonly dead: string;
  readonly live: string;
}

async function survive(setup: DemoSetup, walk: Walk, { dead, live }: Tokens): Promise<void> {
  const { first, atFirst } = endsOf(setup);
  await first.killAndRestart();
  walk.note(`\n  revgate${atFirst} was killed (SIGKILL) and started again`);
  const before = await readMetrics(first);
  const still = "alice's token is still dead";
  await walk.take({ at: first, says: still, ...orders, token: dead, expect: refused });
  await walk.take({
    at: first,
    says: "bob's new one lives",
    ...orders,
    token: live,
    expect: served,
  });
  await showMetrics(first, before, walk);
}

async function showMetrics(at: Sidecar, before: ReadonlyMap<string, number>, walk: Walk) {
  const moved = [...(await readMetrics(at))].filter(
    ([name, value]) => value !== (before.get(name) ?? 0),
  );
  const says = `what Prometheus sees since the restart (${at.adminUrl}/metrics)`;
  const lines = moved.map(([name, value]) => `${name} ${value}`);
  walk.report(says, moved.length > 0, lines);
}

/** The last base64url character of a 2048-bit signature has four spare bits: sixteen spellings decode alike. */
function respell(token: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(token.at(-1) ?? "");
  return `${token.slice(0, -1)}${alphabet[last ^ 1]}`;
}
