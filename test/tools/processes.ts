/** Which tests run in which process. */
export interface TestProcesses {
  /** Each of these files has a process of its own. */
  readonly alone: readonly string[];
  /** The files of a group share one, and run one after the other. */
  readonly groups: readonly (readonly string[])[];
}

/** Folders whose files may share a process, with how many share one: they leave nothing behind in it. */
const sharing: readonly { readonly folders: RegExp; readonly filesPerProcess: number }[] = [
  { folders: /^test\/(?:contract|integration|model)\//, filesPerProcess: 5 },
  { folders: /^test\/(?:unit|docs)\//, filesPerProcess: 30 },
];

/** Files of these folders that have a process of their own all the same. */
const ownProcess: readonly string[] = [
  // They measure the memory of their process: what other tests leave would hide what grows.
  "test/integration/direct-answers.test.ts",
  "test/integration/hostile-store.test.ts",
  "test/integration/http2-kept-sessions.test.ts",
  "test/integration/keys.test.ts",
  "test/integration/load-generators.test.ts",
  "test/integration/million.test.ts",
  "test/integration/passthrough.test.ts",
  // Node gives the warning that it waits for once in a process.
  "test/integration/tls.test.ts",
];

/**
 * Plans the processes of a run.
 *
 * A fresh process costs 0.4 s of CPU to load the code, 0.2 s for its first gate, and runs all of it slowly at
 * first: more than most files take by themselves. A group is small, so that what fails in one process is near.
 */
export function planProcesses(files: readonly string[]): TestProcesses {
  const isSharing = (file: string) =>
    !ownProcess.includes(file) && sharing.some(({ folders }) => folders.test(file));
  return {
    alone: files.filter((file) => !isSharing(file)),
    groups: sharing.flatMap(({ folders, filesPerProcess }) => {
      const found = files.filter((file) => isSharing(file) && folders.test(file));
      const count = Math.ceil(found.length / filesPerProcess);
      // Neighbours by name are alike, and take alike long: they go to different groups.
      return Array.from({ length: count }, (_, group) =>
        found.filter((_file, at) => at % count === group),
      );
    }),
  };
}
