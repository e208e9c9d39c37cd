import { edited, type Step } from "../search.ts";
import { isFresh, isTrusted } from "./freshness.ts";
import type { Reader, Reply, Rules, Server, State, World } from "./state.ts";

/** What a reading sidecar does. */
export function* readerSteps(
  state: State,
  index: number,
  world: World,
  has: Rules,
): Generator<Step<State>> {
  const reader = state.readers[index];
  if (reader === undefined) return;
  const edit = (work: (next: Reader, server: Server, whole: State) => void) =>
    edited(state, (next) => {
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
        if (next.steady) next.steady.connected = false;
      }),
    ];
  }
  if (read === undefined) {
    yield* sendingSteps(state, index, reader, has);
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

/** A full reading, or one that only proves that nothing has changed. */
function* sendingSteps(
  state: State,
  index: number,
  { steady }: Reader,
  has: Rules,
): Generator<Step<State>> {
  const send = (full: boolean) =>
    edited(state, (next) => {
      const mine = next.readers[index];
      if (mine) mine.read = { sentAt: next.now, full, reply: undefined };
    });
  yield [`reader ${index} sends a read`, send(true)];
  if (steady === undefined) return;
  if (steady.connected || !has("a proof goes by its own connection")) {
    yield [`reader ${index} sends a reading that only proves`, send(false)];
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
    // The epoch's text tells of another life of a server; another server has the same text.
    changed:
      server.changed && (reader.read?.full !== false || reader.steady?.server === reader.server),
    settling: server.settling,
    server: reader.server,
  };
}

/** As FeedFollower.#step. */
function receive(reader: Reader, state: State, index: number, world: World, has: Rules): void {
  const { read } = reader;
  reader.read = undefined;
  if (read?.reply === undefined) return;
  const { reply, sentAt, full } = read;
  if (!isProof(reader, reply, { full, world })) return;
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

/** Whether a reading is worth more than that everything has to be looked at. */
function isProof(
  reader: Reader,
  reply: Reply,
  { full, world }: { readonly full: boolean; readonly world: World },
): boolean {
  if (full) noteFull(reader, reply, world);
  else if (!isSteady(reader, reply)) reader.steady = undefined;
  return full || reader.steady !== undefined;
}

/** As FeedReader.#note. */
function noteFull(reader: Reader, reply: Reply, { steadyReadings = false }: World): void {
  const trusted = !reply.changed && !reply.settling;
  reader.steady = steadyReadings && trusted ? { server: reply.server, connected: true } : undefined;
}

/** As readSteady. */
function isSteady(reader: Reader, { changed, settling, epoch, anchored }: Reply): boolean {
  return !changed && !settling && anchored && epoch === reader.epoch;
}

/** As Freshness.enter. */
function enter(reader: Reader, reply: Reply, fresh: boolean, has: Rules): void {
  const handedOver = reply.server !== 0 && has("a new server means a load");
  if (has("stale tables load")) reader.complete = fresh && !handedOver;
  reader.epoch = reply.epoch;
  // The line that the new epoch began with is the first that is not from before.
  reader.position = reply.epochStart;
}
