import type { OutgoingHttpHeaders } from "node:http2";
import { type FieldLines, fieldValues } from "../../http/field-lines.ts";
import { http2Fields } from "../../http/http2-fields.ts";

/** A request's header list in HTTP/2; its Host is said by a pseudo-header field. */
export function requestFields(
  {
    method,
    target,
    headers,
  }: {
    readonly method: string;
    readonly target: string;
    readonly headers: FieldLines;
  },
  scheme: string,
): OutgoingHttpHeaders {
  const [host] = fieldValues(headers, "host");
  const given: OutgoingHttpHeaders = {
    ":method": method,
    ":scheme": scheme,
    ":path": target,
    ...(host === undefined ? {} : { ":authority": host }),
    te: "trailers",
  };
  return http2Fields(headers, given, "host");
}
