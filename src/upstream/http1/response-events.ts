import type { FieldLines } from "../../http/field-lines.ts";

/** The head of a response, interim (below 200) or final, as it was received. */
export interface ResponseHead {
  /** The version of HTTP that it is written in, such as `1.1`. */
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  readonly headers: FieldLines;
}

/** Who is told of a response, part by part. What they are given is theirs to keep. */
export interface ResponseEvents {
  /** `more`: what was received goes on behind the head, or nothing is to come. */
  onHead(head: ResponseHead, more: boolean): void;
  /** The response is whole: its body, if any, came with the head and is short. One byte a character. */
  onWhole(body: string): void;
  onData(chunk: Buffer): void;
  /** The response is whole. */
  onEnd(trailers: FieldLines): void;
}
