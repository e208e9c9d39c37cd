let waiting: (() => void)[] = [];

/**
 * Calls back at the end of this turn of the event loop, when all that had arrived has been read.
 *
 * Under load many requests are read in one turn. Sent together at its end they cost less than one by one:
 * each write runs through the whole of the system's network code and leaves the processor's caches
 * without the code that reads and judges the next (docs/benchmarks.md). With one request in a turn, nothing
 * waits.
 */
export function atEndOfTurn(send: () => void): void {
  if (waiting.push(send) === 1) setImmediate(sendAll);
}

function sendAll(): void {
  const sends = waiting;
  waiting = [];
  for (const send of sends) send();
}
