import { once } from "node:events";
import { connect } from "node:net";

/** The answer to raw bytes, as far as attacks look at it. */
export interface Answer {
  /** 0 where the connection was closed without an answer. */
  readonly status: number;
  /** Lower-case names; of several lines of one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

const patienceMs = 60_000;

/** Sends bytes on a connection of their own and reads until the other side closes it. */
export async function exchange(port: number, bytes: string | Buffer): Promise<Answer> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  // A refusal in the middle of what is being sent may end in a reset; what was read by then counts.
  socket.on("error", () => {});
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  const signal = AbortSignal.timeout(patienceMs);
  const closed = Promise.race([once(socket, "end", { signal }), once(socket, "close", { signal })]);
  await closed.catch(() => {});
  socket.destroy();
  if (signal.aborted) throw new Error("left open, without a word");
  return readAnswer(Buffer.concat(chunks).toString("latin1"));
}

function readAnswer(text: string): Answer {
  const [head = ""] = text.split("\r\n\r\n", 1);
  const [first = "", ...lines] = head.split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(/^HTTP\/1\.\d (\d{3})/.exec(first)?.[1] ?? 0), headers, text };
}

/** The head of a request that asks for its connection to be closed. */
export function head(line: string, headers: readonly string[] = []): string {
  return `${[line, "Host: a", ...headers, "Connection: close"].join("\r\n")}\r\n\r\n`;
}
