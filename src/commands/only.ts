/** The one value of an answer that has one. */
export async function only(answer: AsyncIterable<unknown>): Promise<unknown> {
  for await (const value of answer) return value;
  return undefined;
}
