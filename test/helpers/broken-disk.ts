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
