import { z } from "zod";

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

function toMs(text: string): number {
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * unitMs[unit as Unit];
}

/** What the documents say of a setting, besides what it takes and its default. */
export interface About {
  /** One line: what it is for. */
  readonly meaning: string;
  /** Why an operator would change it, or what to mind; in config.example.yaml behind the meaning. */
  readonly why?: string;
  /** The value that config.example.yaml shows for a setting without a default. */
  readonly example?: unknown;
  /** Items of a list that config.example.yaml shows commented out, behind the example. */
  readonly moreExamples?: readonly unknown[];
}

/** Says what a setting is for: example, reference and JSON Schema are written from it. */
export function about<Setting extends z.ZodType>(
  meaning: string,
  setting: Setting,
  more: Omit<About, "meaning"> = {},
): Setting {
  return setting.meta({ ...setting.meta(), meaning, ...more });
}

/** A length of time, written with its unit (`500ms`, `5s`, `3d`); read as milliseconds. */
export function duration(byDefault: string, min: string, max: string) {
  const expected = `expected a duration from ${min} to ${max}, such as "${byDefault}"`;
  return z
    .string({ error: expected })
    .meta({
      pattern: "^\\d+(ms|s|m|h|d)$",
      description: `a duration from ${min} to ${max}`,
    })
    .refine((text) => toMs(text) >= toMs(min) && toMs(text) <= toMs(max), expected)
    .transform(toMs)
    .prefault(byDefault);
}

/** A whole number with a default; `unit` is for the message. */
export function whole(byDefault: number, min: number, max: number, unit: string) {
  return wholeIn(min, max, unit).default(byDefault);
}

/** A whole number; `unit` is for the message. */
export function wholeIn(min: number, max: number, unit: string) {
  const expected = `expected a whole number of ${unit} from ${min} to ${max}`;
  return z
    .number({ error: expected })
    .int(expected)
    .min(min, expected)
    .max(max, expected)
    .meta({ description: `a whole number of ${unit} from ${min} to ${max}` });
}

/** A TCP port; 0 takes any that is free. */
export function port(byDefault: number) {
  return whole(byDefault, 0, 65_535, "a TCP port").describe("a TCP port; 0 takes any that is free");
}

/** true or false. */
export function flag(byDefault: boolean) {
  return z.boolean({ error: "expected true or false" }).default(byDefault);
}

/** A text that is not empty; `expected` completes the message. */
export function text(expected: string) {
  return z
    .string({ error: `expected ${expected}` })
    .min(1, `expected ${expected}`)
    .meta({ description: expected });
}

/** One of a closed list of words. */
export function choice<const Words extends readonly [string, ...string[]]>(words: Words) {
  const quoted = words.map((word) => `"${word}"`).join(" or ");
  return z.enum(words, { error: `expected ${quoted}` });
}

/** A list; `expected` names its items in the message. */
export function list<Item extends z.ZodType>(item: Item, expected: string) {
  return z.array(item, { error: `expected a list of ${expected}` });
}

/** A group of settings; a key that is not in it is a mistake. */
export function group<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === "invalid_type" ? "expected a group of settings" : undefined),
  });
}

/** An address with one of the schemes and no path. */
export function origin(schemes: readonly string[], example: string) {
  const expected = `expected ${schemes.map((scheme) => `${scheme}//`).join(" or ")} with host and port only, such as "${example}"`;
  return z
    .string({ error: expected })
    .meta({ description: expected.replace(/^expected /, "") })
    .refine((value) => isOrigin(value, schemes), expected)
    .transform((value) => new URL(value));
}

/** The longest path of a socket that all systems take, in bytes. */
const maxSocketPathBytes = 103;

/** Where a server is: an address with one of the schemes, or the socket with a path (`unix:/run/app.sock`). */
export function server(schemes: readonly string[], example: string) {
  const expected = `expected ${schemes.map((scheme) => `${scheme}//`).join(" or ")} with host and port only, such as "${example}", or unix: with the absolute path of a socket, such as "unix:/run/app.sock"`;
  return z
    .string({ error: expected })
    .meta({ description: expected.replace(/^expected /, "") })
    .refine((value) => isOrigin(value, schemes) || isSocket(value), expected)
    .transform((value) => new URL(value));
}

function isSocket(value: string): boolean {
  const path = /^unix:(\/(?!\/)[^?#%]+)$/.exec(value)?.[1];
  return path !== undefined && Buffer.byteLength(path) <= maxSocketPathBytes && URL.canParse(value);
}

function isOrigin(value: string, schemes: readonly string[]): boolean {
  if (!URL.canParse(value)) return false;
  const url = new URL(value);
  const bare = url.pathname === "/" && url.search === "" && url.hash === "" && !hasCredentials(url);
  return bare && schemes.includes(url.protocol);
}

/** A URL of http: or https: that suits; `expected` names the schemes. */
export function url(suits: (url: URL) => boolean, expected: string) {
  const message = `expected a URL with ${expected}`;
  return z
    .string({ error: message })
    .meta({ description: `a URL with ${expected}` })
    .refine((value) => {
      if (!URL.canParse(value)) return false;
      const parsed = new URL(value);
      return /^https?:$/.test(parsed.protocol) && !hasCredentials(parsed) && suits(parsed);
    }, message)
    .transform((value) => new URL(value));
}

/** Logs and answers tell what can't be reached by its URL, so none has credentials, not even a password alone. */
function hasCredentials({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}
