import { z } from "zod";
import { UsageError } from "../../errors.ts";
import { answerKinds, carriedKinds, type Observed } from "../../gateway/observer.ts";
import { readTextFile } from "../arguments.ts";

const count = z.int().min(0);
const answers = z.record(z.enum(answerKinds), count);
const observedFile = z.object({
  observed: z.literal(1),
  from: z.string(),
  to: z.string(),
  config: z.string(),
  requests: count,
  leftOut: count,
  tokens: z.array(
    z.object({ source: z.record(z.string(), z.string()), valid: count, invalid: count }),
  ),
  routes: z.array(
    z.object({
      method: z.string(),
      path: z.string(),
      answers: z.record(z.enum(carriedKinds), answers),
      wouldRefuse: z.record(z.string(), count),
    }),
  ),
});

/** What `revgate observe` writes. */
export interface ObservedFile extends Observed {
  readonly from: string;
  readonly to: string;
  /** The configuration under which it was seen. */
  readonly config: string;
}

/** Reads what `revgate observe` has written; UsageError if it is something else. */
export async function readObserved(file: string): Promise<ObservedFile> {
  const text = await readTextFile(file);
  try {
    return observedFile.parse(JSON.parse(text));
  } catch {
    throw new UsageError(`${file} is not what revgate observe writes`);
  }
}
