import { type HeaderList, spelledWithHyphens } from "../http/field-lines.ts";

/** Headers by which frameworks let a client name another method than the request line's. */
const overrideHeaders = ["x-http-method-override", "x-http-method", "x-method-override"];

/** Every method an application might take a request to have: the one it was sent with first. */
export function methodReadings(method: string, headers: HeaderList): readonly string[] {
  const readings = [method];
  for (const [index, name] of headers.names.entries()) {
    if (!name.startsWith("x")) continue;
    if (overrideHeaders.includes(spelledWithHyphens(name))) {
      readings.push((headers.raw[2 * index + 1] ?? "").trim().toUpperCase());
    }
  }
  return readings;
}
