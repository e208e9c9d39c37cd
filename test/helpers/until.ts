const firstPauseMs = 5;
const maxPauseMs = 20;

/**
 * Waits for something that is about to become true; the test's own time-out is the limit.
 *
 * It looks every few milliseconds, less often the longer it takes: whoever looks all the time takes the
 * processor from what it waits for.
 */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await isTrue())) {
    const pauseMs = Math.min(maxPauseMs, firstPauseMs + (performance.now() - startedMs) / 50);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
