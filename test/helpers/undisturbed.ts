const lookEveryMs = 50;

/**
 * Does work that a pause of this process makes worthless, and again if it failed and there was such a pause.
 *
 * For a client that must keep up with a time-out of the gate: if the machine has the process stand still for longer, the
 * gate is right to give that client up. Each attempt begins with things of its own.
 */
export async function undisturbed<T>(maxPauseMs: number, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const pauses = watchPauses();
    try {
      return await work();
    } catch (error) {
      if (pauses.longestMs() < maxPauseMs) throw error;
    } finally {
      pauses.stop();
    }
  }
}

function watchPauses() {
  let lookedMs = performance.now();
  let longestMs = 0;
  const look = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lookedMs);
    lookedMs = nowMs;
    return longestMs;
  };
  const timer = setInterval(look, lookEveryMs);
  return { longestMs: look, stop: () => clearInterval(timer) };
}
