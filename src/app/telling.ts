/** What the store tells of itself, and asks of what is built on it later. */
export function createTelling() {
  const listeners: (() => void)[] = [];
  // Before it is known what can be cut, something may be: a sidecar that starts reads the feed as if requests came.
  let watching = () => 1;
  return {
    told: { onOtherChecks: () => tellAll(listeners), isWatched: () => watching() > 0 },
    onOtherChecks: (listener: () => void) => void listeners.push(listener),
    watchFor(connections: () => number) {
      watching = connections;
    },
  };
}

function tellAll(listeners: readonly (() => void)[]): void {
  for (const listener of listeners) listener();
}
