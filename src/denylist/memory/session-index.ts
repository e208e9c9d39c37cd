/**
 * Which sessions a subject has.
 *
 * It may name some that are over: who asks looks each of them up. A sweep takes these out, some at a time.
 */
export class SessionIndex {
  readonly #bySubject = new Map<string, Set<string>>();
  readonly #isHeld: (session: string) => boolean;
  /** Where the sweep goes on. */
  #swept = this.#bySubject.keys();

  constructor(isHeld: (session: string) => boolean) {
    this.#isHeld = isHeld;
  }

  /** Adds a session. */
  add(subject: string, session: string): void {
    const held = this.#bySubject.get(subject);
    if (held === undefined) this.#bySubject.set(copyOf(subject), new Set([copyOf(session)]));
    else if (!held.has(session)) held.add(copyOf(session));
  }

  /** How many subjects it has. */
  get subjects(): number {
    return this.#bySubject.size;
  }

  /** The sessions of a subject. */
  of(subject: string): readonly string[] {
    this.#prune(subject);
    return [...(this.#bySubject.get(subject) ?? [])];
  }

  /** Takes out what is over of the next `count` subjects, and goes on there the next time. */
  sweep(count: number): void {
    for (let step = Math.min(count, this.#bySubject.size); step > 0; step -= 1) {
      const { value, done } = this.#swept.next();
      if (done) this.#swept = this.#bySubject.keys();
      else this.#prune(value);
    }
  }

  #prune(subject: string): void {
    const held = this.#bySubject.get(subject);
    if (held === undefined) return;
    for (const session of held) if (!this.#isHeld(session)) held.delete(session);
    if (held.size === 0) this.#bySubject.delete(subject);
  }
}

/** A part of a line that was read would keep all of the line. */
function copyOf(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
