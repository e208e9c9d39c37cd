import { type FileHandle, open } from "node:fs/promises";
import type { TestContext } from "node:test";

/** Makes these methods of every file fail until the returned function is called. */
export async function breakFiles(
  t: TestContext,
  methods: readonly ("datasync" | "sync" | "write")[],
  error: NodeJS.ErrnoException,
) {
  const probe = await open("/dev/null");
  const files = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const whole = methods.map((method) => ({
    method,
    descriptor: Object.getOwnPropertyDescriptor(files, method),
  }));
  const value = () => Promise.reject(error);
  for (const { method, descriptor } of whole)
    Object.defineProperty(files, method, { ...descriptor, value });
  const mend = () => {
    for (const { method, descriptor } of whole)
      Object.defineProperty(files, method, descriptor ?? {});
  };
  t.after(mend);
  return mend;
}

/** Syncs of files' data that a test holds up. */
export interface HeldSyncs {
  /** From now on every sync waits. */
  hold(): void;
  /** Lets the next one through, as soon as there is one. */
  releaseNext(): Promise<void>;
}

/** Call it before what will be held up is started: it lets go first when the test ends. */
export async function prepareHeldSyncs(t: TestContext): Promise<HeldSyncs> {
  const probe = await open("/dev/null");
  const files = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const { datasync } = files;
  const waiting: (() => void)[] = [];
  let arrived = () => {};
  t.after(() => {
    files.datasync = datasync;
    for (const release of waiting) release();
  });
  return {
    hold() {
      files.datasync = async function held(this: FileHandle) {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          arrived();
        });
        return datasync.call(this);
      };
    },
    async releaseNext() {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
      waiting.shift()?.();
    },
  };
}
