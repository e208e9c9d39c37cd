/**
 * A model of how sidecars come to trust their memory, small enough to look at every case.
 *
 * One token is revoked by one sidecar; two others read. Time goes in ticks; every message and every step
 * may take as long as it likes. docs/decisions/0010-strict-local-reads.md has the argument in words; the
 * code under test is denylist/{freshness,feed-follower,shared-denylist,courier,store-state}.ts.
 */

/** The rules without which a promise breaks. */
export const rules = [
  /** Readers and revokers go by one staleness: the store's. */
  "one staleness",
  /** A reading that was cut by COUNT proves nothing. */
  "a full batch proves nothing",
  /** The hold begins with the later of the two acknowledgements. */
  "both acknowledgements",
  /** A second logout of the token waits like the first. */
  "a second logout waits too",
  /** A reading whose last line is not there any more proves nothing. */
  "the feed was not trimmed",
  /** An age is the larger of what the two clocks say. */
  "both clocks",
  /** Freshness is worked out for each request. */
  "fresh at the decision",
  /** A proof is as old as the sending of the read, not as its answer. */
  "age from the sending",
  /** A Redis that lost data is not believed before somebody has begun a new epoch. */
  "an epoch",
  /** Nor before all sidecars have written back what they know. */
  "a grace period",
  /** A revocation is released only if the store was found unchanged at the end of its hold. */
  "the hold is confirmed",
  /** Where another server took over, memory has to be loaded anew. */
  "a new server means a load",
  /** A table that missed something is trusted again only after a load. */
  "stale tables load",
] as const;
/** One of the rules. */
export type Rule = (typeof rules)[number];

/** What can happen besides messages and time. */
export interface World {
  readonly name: string;
  /** How long readers trust their memory, in ticks, by their own configuration; and how long the revoker holds. */
  readonly staleness: readonly number[];
  readonly hold: number;
  /** How many lines a reading brings at most, and how many other lines come into the feed. */
  readonly count: number;
  readonly otherLines: number;
  readonly trims: number;
  readonly suspensions: number;
  readonly losses: number;
  readonly failovers: number;
  readonly ticks: number;
}

/** What a search came to. */
export interface Search {
  readonly states: number;
  /** The steps to the first state in which a request is allowed that must not be; undefined where none is. */
  readonly trace: readonly string[] | undefined;
}

interface Server {
  key: boolean;
  /** The lines of the feed by their numbers; the revocation's own is marked. */
  lines: { id: number; revokes: boolean }[];
  nextLine: number;
  epoch: number;
  /** The line with which the epoch began. */
  epochStart: number;
  /** The epoch is not the one that was written, and nobody has begun a new one. */
  changed: boolean;
  settling: boolean;
}

interface Reply {
  anchored: boolean;
  revokes: boolean;
  full: boolean;
  last: number;
  epoch: number;
  epochStart: number;
  changed: boolean;
  server: number;
}

interface Reader {
  server: number;
  knows: boolean;
  complete: boolean;
  position: number;
  epoch: number;
  provenAt: number;
  /** Ticks since then during which the monotonic clock stood still. */
  stoodStill: number;
  read: { sentAt: number; reply: Reply | undefined } | undefined;
  /** What a timer once worked out, where freshness is not worked out at the decision. */
  flag: boolean;
}

interface Revoker {
  server: number;
  phase: "idle" | "put" | "acknowledged" | "published" | "holding" | "confirmed" | "released";
  heldFrom: number;
  heldEpoch: number;
  heldServer: number;
  knownEpoch: number;
}

interface State {
  now: number;
  servers: Server[];
  /** The server that is the primary; one before it may still answer. */
  primary: number;
  oldAnswers: boolean;
  oldGoneAt: number;
  readers: Reader[];
  revoker: Revoker;
  left: {
    otherLines: number;
    trims: number;
    suspensions: number;
    losses: number;
    failovers: number;
  };
}

type Step = readonly [name: string, next: State];

/** Looks at every state that can be reached; stops at the first in which the promise is broken. */
export function search(world: World, without?: Rule): Search {
  const has = (rule: Rule) => rule !== without;
  const first = initialState(world);
  const parents = new Map<string, readonly [parent: string, step: string]>();
  const start = JSON.stringify(first);
  parents.set(start, ["", ""]);
  const queue = [{ key: start, state: first }];
  // The queue grows while it is gone through.
  for (const { key, state } of queue) {
    if (isBroken(state, world, has)) return { states: parents.size, trace: traceTo(key, parents) };
    for (const [name, following] of steps(state, world, has)) {
      const reached = JSON.stringify(following);
      if (parents.has(reached)) continue;
      parents.set(reached, [key, name]);
      queue.push({ key: reached, state: following });
    }
  }
  return { states: parents.size, trace: undefined };
}

function traceTo(text: string, parents: Map<string, readonly [string, string]>): string[] {
  const trace: string[] = [];
  for (let at = text; ; ) {
    const [parent, step] = parents.get(at) ?? ["", ""];
    if (parent === "") return trace.reverse();
    trace.push(step);
    at = parent;
  }
}

function initialState({
  staleness,
  otherLines,
  trims,
  suspensions,
  losses,
  failovers,
}: World): State {
  return {
    now: 0,
    servers: [
      {
        key: false,
        lines: [{ id: 0, revokes: false }],
        nextLine: 1,
        epoch: 1,
        epochStart: 0,
        changed: false,
        settling: false,
      },
    ],
    primary: 0,
    oldAnswers: false,
    oldGoneAt: -1,
    readers: staleness.map(() => ({
      server: 0,
      knows: false,
      complete: true,
      position: 0,
      epoch: 1,
      provenAt: 0,
      stoodStill: 0,
      read: undefined,
      flag: false,
    })),
    revoker: { server: 0, phase: "idle", heldFrom: 0, heldEpoch: 0, heldServer: 0, knownEpoch: 1 },
    left: { otherLines, trims, suspensions, losses, failovers },
  };
}

type Has = (rule: Rule) => boolean;

function stalenessOf(reader: number, world: World, has: Has): number {
  return has("one staleness") ? world.hold : (world.staleness[reader] ?? world.hold);
}

function isFresh(state: State, index: number, world: World, has: Has): boolean {
  const reader = state.readers[index];
  if (reader === undefined || !reader.complete) return false;
  const wallAge = state.now - reader.provenAt;
  const age = has("both clocks") ? wallAge : wallAge - reader.stoodStill;
  return age < stalenessOf(index, world, has);
}

/** Whether a request that starts now, after the logout was answered, would be allowed somewhere. */
function isBroken(state: State, world: World, has: Has): boolean {
  if (state.revoker.phase !== "released") return false;
  return state.readers.some((reader, index) => {
    if (reader.knows) return false;
    const fresh = has("fresh at the decision") ? isFresh(state, index, world, has) : reader.flag;
    if (fresh) return true;
    const server = state.servers[reader.server];
    return server !== undefined && !server.key && isTrusted(server, has);
  });
}

function isTrusted(server: Server, has: Has): boolean {
  return (!server.changed || !has("an epoch")) && !server.settling;
}

function* steps(state: State, world: World, has: Has): Generator<Step> {
  yield* timeSteps(state, world);
  yield* serverSteps(state, world, has);
  yield* revokerSteps(state, world, has);
  for (const index of state.readers.keys()) yield* readerSteps(state, index, world, has);
}

/** A copy to change. */
function change(state: State, edit: (next: State) => void): State {
  const next: State = {
    ...state,
    servers: state.servers.map((server) => ({ ...server, lines: [...server.lines] })),
    readers: state.readers.map((reader) => ({
      ...reader,
      read: reader.read && { ...reader.read },
    })),
    revoker: { ...state.revoker },
    left: { ...state.left },
  };
  edit(next);
  return next;
}

function* timeSteps(state: State, { ticks }: World): Generator<Step> {
  if (state.now >= ticks) return;
  yield [
    "time passes",
    change(state, (next) => {
      next.now += 1;
    }),
  ];
  if (state.left.suspensions === 0) return;
  for (const index of state.readers.keys()) {
    yield [
      `reader ${index} is suspended`,
      change(state, (next) => {
        next.now += 1;
        next.left.suspensions -= 1;
        const reader = next.readers[index];
        if (reader) reader.stoodStill += 1;
      }),
    ];
  }
}

function appendLine(server: Server, revokes: boolean): void {
  server.lines.push({ id: server.nextLine, revokes });
  server.nextLine += 1;
}

function* serverSteps(state: State, world: World, has: Has): Generator<Step> {
  const { left, primary } = state;
  const edit = (work: (server: Server, next: State) => void) =>
    change(state, (next) => {
      const server = next.servers[primary];
      if (server) work(server, next);
    });
  const server = state.servers[primary];
  if (server === undefined) return;
  if (left.otherLines > 0) {
    yield [
      "another line",
      edit((changed, next) => {
        next.left.otherLines -= 1;
        appendLine(changed, false);
      }),
    ];
  }
  if (left.trims > 0 && server.lines.length > 1) {
    yield [
      "the feed is trimmed",
      edit((changed, next) => {
        next.left.trims -= 1;
        changed.lines = changed.lines.slice(-1);
      }),
    ];
  }
  yield* lossSteps(state, edit);
  if (server.changed) {
    yield [
      "a new epoch begins",
      edit((changed) => {
        changed.changed = false;
        changed.settling = has("a grace period");
        changed.epoch += 1;
        changed.epochStart = changed.nextLine;
        appendLine(changed, false);
      }),
    ];
  }
  // It covers what every live sidecar needs to notice and to write back, and the end of an old primary,
  // and a staleness more, in which its last answers are still believed.
  const { revoker, oldGoneAt } = state;
  const allBack = revoker.server === primary && revoker.knownEpoch === server.epoch;
  const oldIsForgotten =
    !state.oldAnswers && (oldGoneAt < 0 || state.now >= oldGoneAt + world.hold);
  if (server.settling && allBack && oldIsForgotten) {
    yield [
      "the grace period ends",
      edit((changed) => {
        changed.settling = false;
      }),
    ];
  }
}

function* lossSteps(
  state: State,
  edit: (work: (server: Server, next: State) => void) => State,
): Generator<Step> {
  const { left, primary } = state;
  if (left.losses > 0) {
    yield [
      "redis loses everything",
      edit((server, next) => {
        next.left.losses -= 1;
        server.key = false;
        server.lines = [];
        server.changed = true;
        server.settling = false;
      }),
    ];
  }
  if (left.failovers > 0) {
    yield [
      "a replica that was behind takes over",
      change(state, (next) => {
        next.left.failovers -= 1;
        const old = next.servers[primary];
        if (old === undefined) return;
        // It never had the revocation, and its epoch names another server.
        const lines = old.lines.filter(({ revokes }) => !revokes);
        next.servers.push({ ...old, key: false, lines, changed: true });
        next.primary = next.servers.length - 1;
        next.oldAnswers = true;
      }),
    ];
  }
  const everybodyLeft = state.readers.every(({ server }) => server === primary);
  if (state.oldAnswers && state.revoker.server === primary && everybodyLeft) {
    yield [
      "the old primary is gone",
      change(state, (next) => {
        next.oldAnswers = false;
        next.oldGoneAt = next.now;
      }),
    ];
  }
}

function* revokerSteps(state: State, world: World, has: Has): Generator<Step> {
  const { revoker, primary } = state;
  const server = state.servers[revoker.server];
  if (server === undefined) return;
  const edit = (work: (next: Revoker, server: Server) => void) =>
    change(state, (next) => {
      const mine = next.servers[next.revoker.server];
      if (mine) work(next.revoker, mine);
    });

  if (revoker.server !== primary) {
    yield [
      "the revoker changes over",
      edit((next) => {
        next.server = primary;
      }),
    ];
  }
  if (revoker.knownEpoch !== server.epoch && !server.changed) {
    yield [
      "the revoker writes back",
      edit((next, mine) => {
        next.knownEpoch = mine.epoch;
        if (next.phase === "idle") return;
        mine.key = true;
        appendLine(mine, true);
      }),
    ];
  }
  if (
    revoker.phase !== "idle" &&
    revoker.phase !== "released" &&
    !has("a second logout waits too")
  ) {
    yield [
      "a second logout is answered",
      edit((next) => {
        next.phase = "released";
      }),
    ];
  }
  yield* deliverySteps(state, world, has, edit);
  yield* holdSteps(state, world, has, edit);
}

type EditRevoker = (work: (next: Revoker, server: Server) => void) => State;

/** As Courier.#send. */
function* deliverySteps(
  { now, revoker, servers }: State,
  { hold }: World,
  has: Has,
  edit: EditRevoker,
): Generator<Step> {
  const server = servers[revoker.server];
  if (server === undefined) return;
  const counts = !server.changed || !has("an epoch");
  switch (revoker.phase) {
    case "idle":
      yield [
        "the key is written",
        edit((next, mine) => {
          next.phase = "put";
          next.heldEpoch = mine.epoch;
          next.heldServer = next.server;
          mine.key = true;
        }),
      ];
      break;
    case "put":
      yield [
        "the key is acknowledged",
        edit((next) => {
          next.phase = counts ? "acknowledged" : "idle";
          next.heldFrom = now;
        }),
      ];
      break;
    case "acknowledged":
      if (!has("both acknowledgements") && now >= revoker.heldFrom + hold) {
        yield [
          "the logout is answered",
          edit((next) => {
            next.phase = "released";
          }),
        ];
      }
      yield [
        "the line is written",
        edit((next, mine) => {
          const same = next.heldEpoch === mine.epoch && next.heldServer === next.server;
          next.phase = same && counts ? "published" : "idle";
          appendLine(mine, true);
        }),
      ];
      break;
    default:
      break;
  }
}

/** As SharedDenylist.#putInForce. */
function* holdSteps(
  { now, revoker, servers }: State,
  { hold }: World,
  has: Has,
  edit: EditRevoker,
): Generator<Step> {
  const server = servers[revoker.server];
  if (server === undefined) return;
  switch (revoker.phase) {
    case "published":
      yield [
        "the line is acknowledged",
        edit((next) => {
          next.phase = "holding";
          if (has("both acknowledgements")) next.heldFrom = now;
        }),
      ];
      break;
    case "holding":
      if (now < revoker.heldFrom + hold) break;
      if (!has("the hold is confirmed")) {
        yield [
          "the logout is answered",
          edit((next) => {
            next.phase = "released";
          }),
        ];
      } else if (isTrusted(server, has)) {
        const same = revoker.heldEpoch === server.epoch && revoker.heldServer === revoker.server;
        yield [
          same ? "the store is found unchanged" : "the store is found changed",
          edit((next) => {
            next.phase = same ? "confirmed" : "idle";
          }),
        ];
      }
      break;
    case "confirmed":
      yield [
        "the logout is answered",
        edit((next) => {
          next.phase = "released";
        }),
      ];
      break;
    default:
      break;
  }
}

function* readerSteps(state: State, index: number, world: World, has: Has): Generator<Step> {
  const reader = state.readers[index];
  if (reader === undefined) return;
  const edit = (work: (next: Reader, server: Server, whole: State) => void) =>
    change(state, (next) => {
      const mine = next.readers[index];
      const server = mine && next.servers[mine.server];
      if (mine && server) work(mine, server, next);
    });
  const { read } = reader;
  if (reader.server !== state.primary) {
    yield [
      `reader ${index} changes over`,
      edit((next, _, whole) => {
        next.server = whole.primary;
        next.read = undefined;
      }),
    ];
  }
  if (read === undefined) {
    yield [
      `reader ${index} sends a read`,
      edit((next, _, { now }) => {
        next.read = { sentAt: now, reply: undefined };
      }),
    ];
  } else if (read.reply === undefined) {
    yield [
      `redis answers reader ${index}`,
      edit((next, server) => {
        if (next.read) next.read.reply = answer(next, server, world);
      }),
    ];
  } else {
    yield [
      `reader ${index} has the answer`,
      edit((next) => receive(next, state, index, world, has)),
    ];
  }
  const server = state.servers[reader.server];
  if (!reader.complete && server !== undefined && isTrusted(server, has)) {
    yield [
      `reader ${index} loads`,
      edit((next, mine) => {
        next.complete = true;
        next.knows ||= mine.key;
        next.position = mine.lines.at(-1)?.id ?? next.position;
        next.epoch = mine.epoch;
        next.read = undefined;
      }),
    ];
  }
  if (!has("fresh at the decision") && reader.flag !== isFresh(state, index, world, has)) {
    yield [
      `a timer of reader ${index}`,
      edit((next) => {
        next.flag = !next.flag;
      }),
    ];
  }
}

function answer(reader: Reader, server: Server, { count }: World): Reply {
  const behind = server.lines.filter(({ id }) => id > reader.position).slice(0, count);
  return {
    anchored: server.lines.some(({ id }) => id === reader.position),
    revokes: behind.some(({ revokes }) => revokes),
    full: behind.length === count,
    last: behind.at(-1)?.id ?? reader.position,
    epoch: server.epoch,
    epochStart: server.epochStart,
    changed: server.changed,
    server: reader.server,
  };
}

/** As FeedFollower.#step. */
function receive(reader: Reader, state: State, index: number, world: World, has: Has): void {
  const { read } = reader;
  reader.read = undefined;
  if (read?.reply === undefined) return;
  const { reply, sentAt } = read;
  if (reply.changed && has("an epoch")) return;
  if (reply.epoch !== reader.epoch && has("an epoch")) {
    enter(reader, reply, isFresh(state, index, world, has), has);
    return;
  }
  reader.position = reply.last;
  if (reply.revokes) reader.knows = true;
  if (!reply.anchored && has("the feed was not trimmed")) {
    reader.complete = false;
    return;
  }
  if (reply.full && has("a full batch proves nothing")) return;
  reader.provenAt = has("age from the sending") ? sentAt : state.now;
  reader.stoodStill = 0;
}

/** As Freshness.enter. */
function enter(reader: Reader, reply: Reply, fresh: boolean, has: Has): void {
  const handedOver = reply.server !== 0 && has("a new server means a load");
  if (has("stale tables load")) reader.complete = fresh && !handedOver;
  reader.epoch = reply.epoch;
  // The line that the new epoch began with is the first that is not from before.
  reader.position = reply.epochStart;
}
