const windowMs = 1000;

/**
 * Bounds how many lines of one kind are written in a second: the first of a burst are, the rest is counted.
 *
 * `onOmitted` hears once a second how many lines of a kind were left out. `kind` is from a closed list.
 */
export function createLineBudget<Kind extends string>(
  maxPerSecond: number,
  onOmitted: (kind: Kind, lines: number) => void,
): (kind: Kind) => boolean {
  const written = new Map<Kind, number>();
  let endsAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const end = () => {
    clearTimeout(timer);
    timer = undefined;
    for (const [kind, lines] of written) {
      if (lines > maxPerSecond) onOmitted(kind, lines - maxPerSecond);
    }
    written.clear();
  };
  return (kind) => {
    const nowMs = performance.now();
    if (nowMs >= endsAtMs) {
      end();
      endsAtMs = nowMs + windowMs;
    }
    const lines = (written.get(kind) ?? 0) + 1;
    written.set(kind, lines);
    if (lines <= maxPerSecond) return true;
    timer ??= setTimeout(end, endsAtMs - nowMs).unref();
    return false;
  };
}
