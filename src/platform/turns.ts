/** Does what belongs to one name one after the other; undefined if too much of it waits already. */
export type InTurn = <Value>(
  name: string,
  work: () => Value | Promise<Value>,
) => Promise<Value> | undefined;

/** Makes turns in which at most `max` of one name are in progress or wait. */
export function createTurns(max: number): InTurn {
  const underWay = new Map<string, { last: Promise<unknown>; count: number }>();

  return (name, work) => {
    const turns = underWay.get(name) ?? { last: Promise.resolve(), count: 0 };
    if (turns.count >= max) return undefined;
    turns.count += 1;
    underWay.set(name, turns);
    const mine = turns.last
      .catch(() => {})
      .then(work)
      .finally(() => {
        turns.count -= 1;
        if (turns.count === 0) underWay.delete(name);
      });
    turns.last = mine;
    return mine;
  };
}
