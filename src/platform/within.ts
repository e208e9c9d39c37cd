/** A wait, and what happens if it takes too long. */
export interface Within<Value> {
  readonly limitMs: number;
  /** What the wait rejects with then. */
  readonly tooLate: () => Error;
  /** Receives what the promise still resolves to later. */
  readonly onLate?: (value: Value) => void;
}

/** Waits for a promise, but no longer than `limitMs`; what it rejects with later is dropped. */
export function within<Value>(
  promise: Promise<Value>,
  { limitMs, tooLate, onLate }: Within<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(tooLate());
    }, limitMs);
    promise.then(
      (value) => {
        clearTimeout(timer);
        if (late) onLate?.(value);
        else resolve(value);
      },
      (error: Error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
