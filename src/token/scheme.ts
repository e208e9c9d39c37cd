import { severalReadings } from "../http/form-fields.ts";

const none: readonly string[] = [];

/**
 * The credential behind an authentication scheme (in lower case), as values of a place: none if the scheme is
 * another one or stands alone, several if applications may differ on that.
 *
 * Scheme names are compared in any letter case, and one or more spaces follow (RFC 9110 section 11.1). Many
 * applications split at any white space, which a tab is, and a no-break space in most languages, or cut off as many
 * characters as the scheme has. So what begins with the scheme and goes on in another way is ambiguous, but for a
 * longer name of a scheme (`BearerX abc`).
 */
export function behindScheme(value: string, scheme: string): readonly string[] {
  const { length } = scheme;
  if (!beginsWith(value, scheme)) {
    return beginsWith(value.replace(leadingSpace, ""), scheme) ? severalReadings : none;
  }
  if (value.length === length) return none;
  if (value[length] !== " ") return isLongerName(value) ? none : severalReadings;
  let start = length;
  while (value[start] === " ") start += 1;
  const credential = value.slice(start).trim();
  if (credential === "") return start === value.length ? none : severalReadings;
  return value.startsWith(credential, start) ? [credential] : severalReadings;
}

/** Whether a value has that scheme, or may be taken for one that has. */
export function hasScheme(value: string, scheme: string): boolean {
  return value.trimEnd().toLowerCase() === scheme || behindScheme(value, scheme).length > 0;
}

function beginsWith(value: string, scheme: string): boolean {
  return value.slice(0, scheme.length).toLowerCase() === scheme;
}

/** White space is more than ASCII in most languages, some of which read headers as UTF-8. */
const leadingSpace = /^[^!-~]+/;

function isLongerName(value: string): boolean {
  return /^[a-z0-9]+ +[^ ]/i.test(value);
}

/** Every JWT begins so: it is `{"` in base64url. */
const beginningOfJwt = "eyJ";

/** Whether a header has a JWT after any scheme that is not the one found. */
export function hasOtherJwt(value: string, found: string): boolean {
  // A scheme, a space and the token: there is room for no other. That is nearly every request.
  if (value.endsWith(found) && value.length - found.length < minJwtLength) return false;
  return value.split(/\s+/).some((word) => word !== found && word.includes(beginningOfJwt));
}

/** In characters; a header of JSON and two dots are longer. */
const minJwtLength = 16;
