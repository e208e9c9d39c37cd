/**
 * Waits for something that is about to become true; the test's own time-out is the limit.
 *
 * It looks every few milliseconds: whoever looks all the time takes the processor from what it waits for.
 */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 5));
}
