import type { FormFields } from "./form-fields.ts";

const lineBreak = "\r\n";
const endOfHead = "\r\n\r\n";
/** Max parts: no form has more. */
const maxParts = 200;

/**
 * Reads the text fields of a `multipart/form-data` body (RFC 7578); undefined if two parsers may read it in two
 * ways.
 *
 * Strict on purpose: parsers differ on text before the first boundary, bare line feeds, folded or repeated headers,
 * transfer codings, `name*`, and backslashes in names. Browsers and HTTP libraries send none of that. A part with a
 * file name is a file, and no field; one that has the name of a field is kept anyway, so that it counts.
 */
export function readMultipart(bytes: Buffer, contentType: string): FormFields | undefined {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return undefined;
  // One character a byte: positions are those of the bytes, whatever a file holds.
  const text = bytes.toString("latin1");
  const mark = `--${boundary}`;
  if (!text.startsWith(mark + lineBreak)) return undefined;
  const parts = text.slice(mark.length).split(`${lineBreak}${mark}`, maxParts + 2);
  if (parts.length > maxParts + 1) return undefined;
  const end = parts.pop();
  if (end !== "--" && end !== `--${lineBreak}`) return undefined;
  const fields: [string, string][] = [];
  for (const part of parts) {
    const field = readPart(part);
    if (field === undefined) return undefined;
    fields.push(field);
  }
  return fields;
}

/** The characters that a boundary may have (RFC 2046 section 5.1.1), but for the space. */
const boundaryParameter =
  /^multipart\/form-data[ \t]*;[ \t]*boundary=(?:"([\w'()+,./:=?-]{1,70})"|([\w'+.-]{1,70}))[ \t]*$/i;

/** Undefined if there is anything beside it: a second boundary, a charset. */
function boundaryOf(contentType: string): string | undefined {
  const [, quoted, plain] = boundaryParameter.exec(contentType) ?? [];
  return quoted ?? plain;
}

const disposition =
  /^content-disposition:[ \t]*form-data;[ \t]*name="([^"\\\r\n]*)"(;[ \t]*filename="[^"\\\r\n]*")?[ \t]*$/i;
const otherHeader = /^content-type:[ \t]*[^\r\n]*$/i;

/** Name and text of a part, from behind its boundary on. */
function readPart(part: string): [string, string] | undefined {
  const headEnd = part.indexOf(endOfHead);
  if (!part.startsWith(lineBreak) || headEnd === -1) return undefined;
  const head = part.slice(lineBreak.length, headEnd);
  // Some parsers take a bare one for the end of a line.
  if (/\r(?!\n)|(?<!\r)\n/.test(head)) return undefined;
  const lines = head.split(lineBreak);
  const [named, ...more] = lines.filter((line) => disposition.test(line));
  const others = lines.filter((line) => !disposition.test(line));
  if (named === undefined || more.length > 0 || others.length > 1) return undefined;
  if (!others.every((line) => otherHeader.test(line) && !isForeign(line))) return undefined;
  const [, name = "", file] = disposition.exec(named) ?? [];
  const value = file === undefined ? utf8(part.slice(headEnd + endOfHead.length)) : "file";
  const written = utf8(name);
  // Browsers escape quotation marks and line breaks so; who decodes it reads another name.
  if (written === undefined || value === undefined || written.includes("%")) return undefined;
  return written.toLowerCase() === "_charset_" ? undefined : [written, value];
}

function isForeign(contentType: string): boolean {
  return /charset/i.test(contentType) && !/charset="?utf-8"?[ \t]*$/i.test(contentType);
}

function utf8(binary: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(binary, "latin1"),
    );
  } catch {
    return undefined;
  }
}
