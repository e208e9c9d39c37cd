import { eachField, type FieldLines, fieldValues, findField } from "../http/field-lines.ts";
import { knowsInterimResponses } from "../node-http/client-request.ts";
import { hopByHop, nominatedBy, upgradeOption, viaLine } from "./hop-by-hop.ts";
import type { ResponseHead } from "./http1/response-events.ts";

/** Names that end here, but for `upgrade` in one case, and how long they and `trailer` are. */
const special: ReadonlySet<string> = new Set([...hopByHop, "trailer"]);
const specialLengths = new Set([...special].map((name) => name.length));

const noContent = 204;
const notModified = 304;
const upgradeRequired = 426;

/** Who is answered. */
interface Asker {
  readonly method?: string | undefined;
  readonly httpVersion: string;
}

/**
 * The application's header section as the client may see it. `addsVia`: whether revgate names itself.
 *
 * Names are compared only where their length is that of one that ends here: most are not.
 */
export function responseHeaders(
  head: Omit<ResponseHead, "reason">,
  asker: Asker,
  addsVia: boolean,
): string[] {
  const { status, headers: raw } = head;
  const nominated = nominatedBy(fieldValues(raw, "connection"));
  const looksAtAll = nominated !== undefined || hasNoLength(status);
  const out: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? "";
    if (looksAtAll || specialLengths.has(name.length)) {
      if (endsHere(name.toLowerCase(), nominated, head, asker)) continue;
    }
    out.push(name, raw[i + 1] ?? "");
  }
  if (addsVia) out.push(...viaLine(head.version));
  return out;
}

/**
 * The header section of the answer to a WebSocket handshake, 101: `Connection` and `Upgrade` stay where they
 * are.
 */
export function switchHeaders(
  { version, headers }: Pick<ResponseHead, "version" | "headers">,
  addsVia: boolean,
): string[] {
  const nominated = nominatedBy(fieldValues(headers, "connection"));
  const out: string[] = [];
  for (const [name, value] of eachField(headers)) {
    const lower = name.toLowerCase();
    if (lower === "connection") {
      const option = upgradeOption(value);
      if (option !== undefined) out.push(name, option);
    } else if (lower === "upgrade") out.push(name, value);
    else if (!special.has(lower) && nominated?.has(lower) !== true) out.push(name, value);
  }
  if (addsVia) out.push(...viaLine(version));
  return out;
}

/** Interim responses and 204 have none (RFC 9110 section 8.6). */
function hasNoLength(status: number): boolean {
  return status < 200 || status === noContent;
}

function endsHere(
  name: string,
  nominated: ReadonlySet<string> | undefined,
  head: Omit<ResponseHead, "reason">,
  asker: Asker,
): boolean {
  if (special.has(name)) return !stays(name, head, asker);
  if (name === "content-length") return hasNoLength(head.status);
  return nominated?.has(name) === true;
}

/** Whether a special name passes in this response (RFC 9110 sections 6.6.2 and 15.5.22). */
function stays(
  name: string,
  { status, headers }: Omit<ResponseHead, "reason">,
  asker: Asker,
): boolean {
  if (name === "upgrade") return status === upgradeRequired;
  if (name !== "trailer") return false;
  // It announces what only a body in chunks can have behind it.
  if (asker.method === "HEAD" || status === noContent || status === notModified) return false;
  return knowsInterimResponses(asker) && findField(headers, "transfer-encoding") !== -1;
}

/** Whether a response tells the client which protocols there are: then `Connection` has to say so. */
export function offersUpgrade(status: number, headers: FieldLines): boolean {
  return status === upgradeRequired && findField(headers, "upgrade") !== -1;
}

/** The application's trailers as the client may see them. */
export function responseTrailers(trailers: FieldLines): FieldLines {
  const out: string[] = [];
  for (const [name, value] of eachField(trailers)) {
    const lower = name.toLowerCase();
    if (!special.has(lower) && lower !== "content-length") out.push(name, value);
  }
  return out;
}
