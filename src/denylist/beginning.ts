/** A session of a subject's that has not ended. */
export interface BegunSession {
  /** What a revocation calls it: the value of a `sid`. */
  readonly name: string;
  /** When it began, in milliseconds since 1970. */
  readonly begunMs: number;
  /** Sorts the sessions of a subject by age: later ones have larger numbers, whatever the clocks said. */
  readonly order: number;
}

/** Whose a session is, and since when. */
export interface Beginning {
  /** The value of the subject's name. */
  readonly subject: string;
  /** The time that the subject's cut-offs are compared with. */
  readonly begunMs: number;
  /** Default: `begunMs`. */
  readonly order?: number | undefined;
}

const beginningText = /^[A-Za-z0-9_-]{43} \d{1,16}(?:\/\d{1,16})?$/;

/** Whether that is the text of a beginning. */
export function isBeginning(text: string): boolean {
  return beginningText.test(text);
}

/** The subject and the time in one text. */
export function formatBeginning({ subject, begunMs, order = begunMs }: Beginning): string {
  return order === begunMs ? `${subject} ${begunMs}` : `${subject} ${begunMs}/${order}`;
}

/** Reads what formatBeginning wrote. */
export function parseBeginning(text: string): Beginning & Pick<BegunSession, "order"> {
  const [subject = "", times = ""] = text.split(" ");
  const [begunMs, order = begunMs] = times.split("/");
  return { subject, begunMs: Number(begunMs), order: Number(order) };
}
