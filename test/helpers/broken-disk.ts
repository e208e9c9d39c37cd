import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { TestContext } from "node:test";

async function filePrototype(): Promise<FileHandle> {
  const probe = await open("/dev/null");
  const files = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  return files;
}

/** Makes these methods of every file (or of those that `which` picks) fail until the returned function is called. */
export async function breakFiles(
  t: TestContext,
  methods: readonly ("datasync" | "sync" | "write")[],
  error: NodeJS.ErrnoException,
  which: (file: Stats) => boolean = () => true,
): Promise<() => void> {
  const files = (await filePrototype()) as unknown as Record<string, Method>;
  const whole = methods.map((method) => ({ method, original: files[method] as Method }));
  for (const { method, original } of whole) {
    files[method] = async function broken(this: FileHandle, ...args: unknown[]) {
      if (which(await this.stat())) throw error;
      return original.apply(this, args);
    };
  }
  const mend = () => {
    for (const { method, original } of whole) files[method] = original;
  };
  t.after(mend);
  return mend;
}

type Method = (this: FileHandle, ...args: unknown[]) => Promise<unknown>;

/** Makes every write break off half-way, as on a disk that fills up. */
export async function tearWrites(
  t: TestContext,
  error: NodeJS.ErrnoException,
): Promise<() => void> {
  const files = (await filePrototype()) as unknown as Record<"write", Method>;
  const { write } = files;
  files.write = async function torn(this: FileHandle, bytes: unknown) {
    const whole = bytes as Buffer;
    await write.call(this, whole, 0, Math.floor(whole.length / 2));
    throw error;
  };
  const mend = () => {
    files.write = write;
  };
  t.after(mend);
  return mend;
}

/** Syncs of files' data that a test holds up. */
export interface HeldSyncs {
  /** From now on every sync waits. */
  hold(): void;
  /** Lets all through, from now on. */
  letGo(): void;
  /** Resolves when one waits. */
  arrived(): Promise<void>;
  /** Lets the next one through, as soon as there is one. */
  releaseNext(): Promise<void>;
}

/** Call it before what will be held up is started: it lets go first when the test ends. */
export async function prepareHeldSyncs(t: TestContext): Promise<HeldSyncs> {
  const files = await filePrototype();
  const { datasync } = files;
  const waiting: (() => void)[] = [];
  let arrived = () => {};
  const letGo = () => {
    files.datasync = datasync;
    for (const release of waiting.splice(0)) release();
  };
  t.after(letGo);
  const untilOne = async () => {
    if (waiting.length > 0) return;
    await new Promise<void>((resolve) => {
      arrived = resolve;
    });
  };
  return {
    letGo,
    hold() {
      files.datasync = async function held(this: FileHandle) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          arrived();
        });
        return datasync.call(this);
      };
    },
    arrived: untilOne,
    async releaseNext() {
      await untilOne();
      waiting.shift()?.();
    },
  };
}
