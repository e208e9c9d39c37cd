/**
 * Makes a short text of a state: two states have the same one if, and only if, they are equal.
 *
 * As JSON it would be ten times as long, and most of what a search does is to make, hash and keep these.
 */
export function createStateKeys(): (state: unknown) => string {
  /** What is neither a small number nor made of others, in the order in which it was met. */
  const words = new Map<unknown, number>();
  /** Bytes, so that a key takes no more than that for each. */
  const codes: number[] = [];

  function addCount(count: number): void {
    if (count < smallCount) codes.push(count);
    else codes.push(marks.count, count & 255, (count >> 8) & 255, (count >> 16) & 255);
  }

  function addWord(word: unknown): void {
    let number = words.get(word);
    if (number === undefined) {
      number = words.size;
      words.set(word, number);
    }
    addCount(number);
  }

  function addObject(value: object): void {
    if (Array.isArray(value)) {
      codes.push(marks.array);
      for (const item of value) add(item);
    } else {
      codes.push(marks.object);
      for (const name in value) {
        addWord(name);
        add((value as Record<string, unknown>)[name]);
      }
    }
    codes.push(marks.end);
  }

  function add(value: unknown): void {
    if (isSmall(value)) codes.push(value);
    else if (typeof value === "object" && value !== null) addObject(value);
    else {
      codes.push(marks.word);
      addWord(value);
    }
  }

  return (state) => {
    codes.length = 0;
    add(state);
    return String.fromCharCode(...codes);
  };
}

const smallCount = 200;

/** What is no small number begins with one of these. */
const marks = { count: 200, array: 201, object: 202, end: 203, word: 204 } as const;

function isSmall(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < smallCount;
}
