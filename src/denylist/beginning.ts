/** A session of a subject's that has not ended. */
export interface BegunSession {
  /** What a revocation calls it: the value of a `sid`. */
  readonly name: string;
  /** When it began, in milliseconds since 1970. */
  readonly begunMs: number;
}

/** Whose a session is, and since when. */
export interface Beginning {
  /** The value of the subject's name. */
  readonly subject: string;
  readonly begunMs: number;
}

const beginningText = /^[A-Za-z0-9_-]{43} \d{1,16}$/;

/** Whether that is the text of a beginning. */
export function isBeginning(text: string): boolean {
  return beginningText.test(text);
}

/** The subject and the time in one text. */
export function formatBeginning({ subject, begunMs }: Beginning): string {
  return `${subject} ${begunMs}`;
}

/** Reads what formatBeginning wrote. */
export function parseBeginning(text: string): Beginning {
  const [subject = "", begunMs] = text.split(" ");
  return { subject, begunMs: Number(begunMs) };
}
