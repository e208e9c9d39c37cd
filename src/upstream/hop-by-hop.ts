/** Header names of RFC 9110 section 7.6.1 (and the one browsers made up) that end at each hop. */
export const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** These say something of the connection and name no header. */
const connectionOptions = /^(?:keep-alive|close)$/i;

/** The names, in lower case, that the values of `Connection` say end here, too; undefined if there are none. */
export function nominatedBy(values: readonly string[]): ReadonlySet<string> | undefined {
  if (values.every((value) => connectionOptions.test(value))) return undefined;
  const options = values.flatMap((value) => value.split(","));
  return new Set(options.map((option) => option.trim().toLowerCase()));
}

/** How revgate names itself in `Via` (RFC 9110 section 7.6.3), behind the version of what it received. */
export function viaLine(version: string): readonly [string, string] {
  return ["Via", `${version} revgate`];
}

/** The option `Upgrade` of a `Connection` line as it is written there; undefined if it has none. */
export function upgradeOption(value: string): string | undefined {
  const options = value.split(",").map((option) => option.trim());
  return options.find((option) => option.toLowerCase() === "upgrade");
}
