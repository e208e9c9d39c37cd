import { elapsedMs } from "../../platform/clock.ts";
import { AskTrial } from "./ask-trial.ts";
import { BackOff } from "./back-off.ts";
import { BackgroundLoad } from "./background-load.ts";
import { EvictionWatch } from "./eviction-watch.ts";
import type { FeedLine } from "./feed-line.ts";
import type { FeedReading } from "./feed-reader.ts";
import type { FeedFollowerOptions } from "./follower-options.ts";
import { Freshness } from "./freshness.ts";
import { inSlices } from "./in-slices.ts";
import { Loader } from "./loader.ts";
import type { Tail } from "./log-line.ts";
import { watchName } from "./name-watch.ts";
import { Pace } from "./pace.ts";
import { Reliability } from "./reliability.ts";
import { ShardWatch } from "./shard-watch.ts";
import { type Epoch, isIn, type ShardState, wentBack } from "./store-state.ts";

const linesPerRead = 1000;
/** How old the last full reading may be: one that tells of evictions, of the clock of Redis and of its replicas. */
const fullEveryMs = { active: 1000, idle: 10_000 } as const;
const retryAfterMs = 100;
const nowhere: Tail = { id: "0-1", text: "" };

/**
 * Follows the feed, and knows at any time what that proves about the table.
 *
 * One reading after the other, each atomic with the state of the server, as often as `Pace` says.
 * In the beginning, and after anything was missed, it has the whole store loaded while it follows.
 */
export class FeedFollower {
  readonly freshness: Freshness;
  readonly #options: FeedFollowerOptions;
  readonly #trustMs: number;
  readonly #load: BackgroundLoad;
  readonly #evictions: EvictionWatch;
  readonly #reliability: Reliability;
  readonly #askTrial: AskTrial;
  readonly #watch: ShardWatch;
  readonly #pace: Pace;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  readonly #naming: Promise<void>;
  readonly #backOff = new BackOff({ firstMs: 1, maxMs: 1000 });
  #epoch: Epoch | undefined;
  #position = nowhere;
  /** Whether the last reading found the store trusted, and the table has all of it. */
  #isSteady = false;
  /** Whether the store is left alone, since no request comes. */
  #isIdle = false;

  constructor(options: FeedFollowerOptions) {
    this.#options = options;
    // A Cluster tells by its slots who has them: there is no name to ask.
    this.#trustMs = options.replica.keys.spread ? Number.POSITIVE_INFINITY : options.nameTrustMs;
    this.freshness = new Freshness(options.now, this.#trustMs);
    this.#watch = new ShardWatch({ ...options, onLacking: (shard) => this.#lacking([shard]) });
    const { signal } = this.#stopped;
    const loader = new Loader({
      ...{ ...options, signal },
      onChanged: (shard) => void this.#watch.look(shard).catch(() => {}),
    });
    this.#load = new BackgroundLoad({ ...options, loader, freshness: this.freshness, signal });
    this.#evictions = new EvictionWatch(options);
    this.#reliability = new Reliability(options.troubles);
    this.#askTrial = new AskTrial(options.replica, options.troubles);
    this.#pace = new Pace(options);
    this.#running = this.#run();
    this.#naming = this.#watchName();
  }

  /** Whether Redis may throw revocations away, or that is unknown yet: what is not there may have been. */
  get mayEvict(): boolean {
    return this.#evictions.mayEvict;
  }

  /**
   * The line of the feed up to which everything is in the table, and the epoch; undefined unless the last reading found
   * the store trusted, and the table is complete.
   */
  get applied(): { readonly tail: Tail; readonly epoch: Epoch } | undefined {
    if (!this.#isSteady || !this.freshness.complete || this.#epoch === undefined) return undefined;
    return { tail: this.#position, epoch: this.#epoch };
  }

  /** Whether the table alone may say that a token was not revoked: now. Asked for each request. */
  isFresh(): boolean {
    if (this.freshness.isFresh()) {
      this.#pace.note();
      return true;
    }
    this.#pace.hurry();
    return false;
  }

  /** The feed's shard is to be loaded again, and compared: something was missed beside the feed. */
  reload(): void {
    this.freshness.missed();
    this.#doubtAll();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#load.ended();
    await this.#naming;
  }

  /** Leaves the roster; best tried while Redis can still be reached. */
  async leave(): Promise<void> {
    // A sidecar that cannot say so is waited for as one that has died.
    await this.#options.roster.leave().catch(() => {});
  }

  #watchName(): Promise<void> {
    const { replica } = this.#options;
    return watchName({
      ...this.#options,
      askName: replica.askName,
      followed: () => this.#epoch?.server.split(" ")[0],
      trustMs: this.#trustMs,
      isIdle: () => this.#isIdle,
      onAgreed: (asked) => this.freshness.agree(asked),
      onUnsure: () => this.freshness.agree(undefined),
      onMoved: () => {
        this.freshness.agree(undefined);
        replica.reconnect();
      },
      signal: this.#stopped.signal,
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // Only a store and a table that nothing is wrong with may be left alone.
      const idle = this.#pace.isIdle(performance.now()) && this.#isSteady;
      this.#isIdle = idle;
      const pauseMs = await this.#step(idle).catch((error: Error) => {
        this.#isSteady = false;
        this.#options.onReferenceTime?.(undefined);
        this.#options.troubles.set("follow", error.message);
        return retryAfterMs;
      });
      if (pauseMs > 0) await this.#pace.wait(pauseMs, { idle: idle && this.#isSteady, signal });
    }
  }

  /** One reading; resolves to the pause before the next, in milliseconds. */
  async #step(idle: boolean): Promise<number> {
    const { now, keeper, roster } = this.#options;
    await this.#checkEvictions(idle);
    const sent = now();
    const reading = await this.#read(fullEveryMs[idle ? "idle" : "active"]);
    const { state } = reading;
    this.#reliability.note(state);
    const why = this.#lossIn(reading);
    this.#isSteady = why === undefined && state.kind === "trusted";
    if (why !== undefined) return this.#begin(state, why);
    if (state.epoch === undefined) return retryAfterMs;
    keeper.note(this.#shard, state);
    if (state.epoch.id !== this.#epoch?.id) {
      this.#isSteady = false;
      this.#enter(state.epoch, reading);
      this.#judge(state);
      this.#options.replica.believe(this.#shard, state);
      await roster.beat(performance.now(), state.epoch.before !== "-");
      return this.#backOff.nextMs(performance.now());
    }
    if (!(await this.#advance(reading))) return 0;
    this.freshness.prove(sent);
    if (state.kind === "trusted") this.freshness.filled();
    this.#isSteady &&= this.freshness.complete && this.#load.settled;
    if (!this.freshness.complete || !this.#load.settled) this.#load.start();
    this.#judge(state);
    if (this.#load.settled) void this.#askTrial.tryAgain();
    await roster.beat(performance.now(), state.epoch.before !== "-", reading.sidecars);
    await this.#watch.lookAtNext();
    const tookMs = elapsedMs(sent, now());
    return this.#pace.pauseMs(tookMs, { stalenessMs: state.epoch.stalenessMs, idle });
  }

  get #shard(): string {
    return this.#options.replica.keys.feedShard;
  }

  async #read(maxAgeMs: number): Promise<FeedReading> {
    const { replica, known, now, onReferenceTime } = this.#options;
    const sentMs = now().monotonicMs;
    const tail = replica.keys.spread ? undefined : known.tailOf(this.#shard);
    const question = { position: this.#position, tail, count: linesPerRead, maxAgeMs };
    const reading = await replica.readFeed(question);
    const { serverTimeMs: timeMs } = reading;
    const receivedMs = now().monotonicMs;
    if (timeMs !== undefined) onReferenceTime?.({ timeMs, sentMs, receivedMs });
    return reading;
  }

  /** What was lost, in words; undefined if nothing was since the reading before. */
  #lossIn({ state, position, tail }: FeedReading): string | undefined {
    if (state.kind === "changed") return state.why;
    if (this.#options.keeper.hasLeft(this.#shard, state.epoch)) return wentBack;
    if (this.#epoch === undefined || !isIn(this.#epoch, state)) return undefined;
    return position === "gone" || tail === "gone" ? wentBack : undefined;
  }

  async #begin(state: ShardState, why: string): Promise<number> {
    this.#options.replica.believe(this.#shard, { found: state.found });
    await this.#options.keeper.begin(this.#shard, state.found, why);
    // The loss may have been an eviction: looked at anew at once.
    this.#evictions.checkAgain();
    return this.#backOff.nextMs(performance.now());
  }

  #enter(epoch: Epoch, { position }: FeedReading): void {
    // With replicas that must have each write, one that was replaced can't have promised anything since.
    const handedOver = epoch.server !== this.#epoch?.server && !this.#options.replica.fenced;
    const followed = position === "there";
    const told = this.#isTold(epoch);
    this.freshness.enter(epoch.stalenessMs, { handedOver, allRead: followed || told });
    // A feed that begins with the epoch looks as if it had been trimmed.
    if (position === "trimmed" && !told) this.freshness.missed();
    this.#load.unsettle();
    this.#epoch = epoch;
    // Every revocation that counts in this epoch has its line behind the one with which it began.
    if (!followed && epoch.start !== "-") {
      this.#position = { id: epoch.start, text: `epoch ${epoch.id}` };
    }
    this.#options.onEpoch(epoch);
    this.#lacking(this.#allShards());
  }

  /**
   * Whether all that is in the store came in this epoch, and is told by its feed: there was nothing when it began.
   * Sidecars of an older form write back without a line.
   */
  #isTold(epoch: Epoch): boolean {
    const { replica, roster } = this.#options;
    const wasEmpty = epoch.began === "emptied" && epoch.start !== "-" && !replica.keys.spread;
    return wasEmpty && !roster.metOlder;
  }

  /** Takes over what was read; returns whether it went to the feed's end. */
  async #advance({ position, lines, more }: FeedReading): Promise<boolean> {
    const last = lines.at(-1)?.tail ?? this.#position;
    if (position !== "there") {
      this.#position = last;
      this.reload();
      return false;
    }
    await inSlices(
      lines.flatMap(({ entries }) => entries),
      this.#options.onEntries,
    );
    for (const line of lines) this.#learnFrom(line);
    // After what may fail: what was not taken over is read again.
    this.#position = last;
    // If there may be more, the reading proves nothing.
    return !more;
  }

  /** What a line says besides its entries. */
  #learnFrom({ tail, entries, logged, announced, old, lost }: FeedLine): void {
    const { known, roster, replica } = this.#options;
    if (old) {
      roster.sawOlder();
      if (this.#epoch?.began === "emptied") this.freshness.cannotResume();
    }
    if (!replica.keys.spread) known.advance(this.#shard, tail);
    else if (logged !== undefined) known.advance(logged.shard, logged.tail);
    else if (announced || old) {
      for (const entry of entries) known.doubt(replica.keys.shardOf(entry));
    }
    if (lost === undefined) return;
    this.#load.unsettle();
    void this.#watch.look(lost).catch(() => {});
    this.#lacking([lost]);
  }

  #doubtAll(): void {
    for (const shard of this.#allShards()) this.#options.known.doubt(shard);
    this.#load.interrupt();
    this.#lacking(this.#allShards());
  }

  #allShards(): string[] {
    return [...new Set([this.#shard, ...this.#options.replica.keys.entryShards])];
  }

  #lacking(shards: readonly string[]): void {
    this.#options.onLacking(shards);
  }

  async #checkEvictions(idle: boolean): Promise<void> {
    const wrong = await this.#evictions.check(fullEveryMs[idle ? "idle" : "active"]);
    if (wrong === undefined) return;
    this.freshness.missed();
    throw wrong;
  }

  #judge(state: ShardState): void {
    const fromMemory = this.#options.reads === "local" && this.freshness.complete;
    this.#reliability.judge(state, { fromMemory, settled: this.#load.settled });
  }
}
