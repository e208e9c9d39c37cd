import type { HeaderList } from "./field-lines.ts";
import {
  type Form,
  formOfFields,
  formOfText,
  severalReadings,
  valuesInForm,
} from "./form-fields.ts";
import { readJson } from "./json.ts";
import { valueAt } from "./json-pointer.ts";
import { hasMoreThan, maxThings } from "./max-things.ts";
import { readMultipart } from "./multipart.ts";
import { hasRepeatedMember } from "./repeated-members.ts";

/**
 * What a message's body says, as far as it has one reading.
 *
 * `none`: there is no body. `unreadable`: it is too long, broken, of a type that revgate does not read, has more than
 * 1,000 fields or members, or two parsers may find different things in it; then it is unknown what it says.
 */
export type BodyFields =
  | { readonly kind: "none" | "unreadable" }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "form" | "multipart"; readonly form: Form };

/** A field of a body: `pointer` is a JSON Pointer (RFC 6901), `name` a field of a form of either type. */
export type BodySource =
  | { readonly kind: "json"; readonly pointer: string }
  | { readonly kind: "form"; readonly name: string };

const unreadable: BodyFields = { kind: "unreadable" };
const jsonTypes = /^(?:application|text)\/(?:[\w.+-]+\+)?json$/;
/** An application may read a member wherever it is, in any letter case. */
const anyMember = { outermostOnly: false, anyCase: true };
const formType = "application/x-www-form-urlencoded";
const multipartType = "multipart/form-data";

/**
 * Reads a request's body: JSON in UTF-8, or a form (`application/x-www-form-urlencoded`, `multipart/form-data`), by
 * its type.
 *
 * A sender may mean it to be read in two ways, here and by the application. So a member that is
 * there twice in any letter case (some parsers take the first, some the last, and some ignore the case),
 * another charset or a content coding make it unreadable.
 */
export function readRequestFields(bytes: Buffer, headers: HeaderList): BodyFields {
  if (bytes.length === 0) return { kind: "none" };
  const [type, ...moreTypes] = headers.allSpellings("content-type");
  if (type === undefined || moreTypes.length > 0 || isCoded(headers)) {
    return unreadable;
  }
  const media = mediaTypeOf(type);
  if (media === multipartType) {
    const fields = readMultipart(bytes, type);
    return fields === undefined ? unreadable : { kind: "multipart", form: formOfFields(fields) };
  }
  const text = decode(bytes);
  if (text === undefined || media === undefined) return unreadable;
  if (media === formType) {
    const hasTooMany = hasMoreThan(maxThings - 1, text, "&;");
    return hasTooMany ? unreadable : { kind: "form", form: formOfText(text) };
  }
  return jsonTypes.test(media) ? readJsonFields(text, maxThings) : unreadable;
}

/**
 * Reads JSON that a client sends; unreadable if it is none, or has a member twice in any letter case, or more members than
 * that in all its objects together.
 */
export function readJsonFields(text: string, maxMembers?: number): BodyFields {
  const value = readJson(text, maxMembers);
  return value === undefined || hasRepeatedMember(text, anyMember)
    ? unreadable
    : { kind: "json", value };
}

function isCoded(headers: HeaderList): boolean {
  return headers.allSpellings("content-encoding").length > 0;
}

/** Reads a response's body where it is JSON; the application says one thing only. */
export function readResponseFields(bytes: Buffer): BodyFields {
  const value = readJson(decode(bytes) ?? "");
  return value === undefined ? unreadable : { kind: "json", value };
}

/** Whether a response says of itself that it is JSON, as it stands. */
export function isJson(headers: HeaderList): boolean {
  const media = mediaTypeOf(headers.first("content-type") ?? "");
  const coding = headers.first("content-encoding")?.toLowerCase() ?? "identity";
  return media !== undefined && jsonTypes.test(media) && coding === "identity";
}

/** The values of a field: none, one, or several if it has more than one reading. */
export function valuesOf(fields: BodyFields, source: BodySource): readonly string[] {
  if (fields.kind === "unreadable") return severalReadings;
  if (source.kind === "json") {
    return fields.kind === "json" ? textAt(fields.value, source.pointer) : [];
  }
  return "form" in fields ? valuesInForm(fields.form, source.name) : [];
}

/** A type without its parameters, in lower case; undefined where its text is in another charset than UTF-8. */
function mediaTypeOf(type: string): string | undefined {
  const [media = "", ...parameters] = type.toLowerCase().split(";");
  const foreign = parameters.some(
    (parameter) => parameter.includes("charset") && !/^\s*charset="?utf-8"?\s*$/.test(parameter),
  );
  return foreign ? undefined : media.trim();
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The text or whole number that a JSON Pointer names. */
function textAt(value: unknown, pointer: string): string[] {
  const at = valueAt(value, pointer);
  if (Number.isSafeInteger(at)) return [String(at)];
  return typeof at === "string" && at !== "" ? [at] : [];
}
