import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { type Document, isMap, parseDocument, YAMLSeq } from "yaml";
import { UsageError } from "../../errors.ts";
import { type ObservedFile, readObserved } from "./observed-file.ts";
import { rulesFrom } from "./observed-rules.ts";

/** A configuration made of another, and of what was seen under it. */
export interface Derived {
  readonly text: string;
  /** What it says, in lines for people. */
  readonly told: readonly string[];
  /** The file of the configuration that it is made of. */
  readonly source: string;
}

/**
 * Puts the rules that follow from what `revgate observe` has seen in place of those of the configuration under
 * which it was seen; also the place of tokens, if they do not stand where `tokens.from` says.
 *
 * The rest of the configuration stays as it is, comments and all.
 */
export async function deriveConfig(
  file: string,
  { config, directory }: { readonly config: string | undefined; readonly directory: string },
): Promise<Derived> {
  const seen = await readObserved(file);
  const from = config ?? seen.config;
  const document = parseDocument(await readConfig(from));
  if (!isMap(document.contents)) throw new UsageError(`${from} is no configuration`);
  if (dirname(resolve(from)) !== resolve(directory)) {
    throw new UsageError(
      `the files that ${from} names are relative to its folder: write the output there, such as --output ${relative(".", resolve(dirname(from), "revgate.new.yaml"))}`,
    );
  }
  const place = placeTokens(document, seen);
  const rules = rulesFrom(seen.routes);
  const nodes = rules.map(({ rule, why }) => {
    const node = document.createNode(rule, { flow: true });
    node.commentBefore = ` ${why}`;
    return node;
  });
  const routes = new YAMLSeq();
  routes.items.push(...nodes);
  routes.flow = nodes.length === 0;
  routes.commentBefore = ` Made of ${seen.requests} requests from ${seen.from} to ${seen.to}. Everything else needs a valid token.`;
  document.set("routes", routes);
  const revokes = rules.some(({ rule }) => rule["revoke"] !== undefined);
  return {
    source: from,
    text: document.toString({ lineWidth: 0 }),
    told: [...place, ...tell(rules.length, seen, revokes)],
  };
}

async function readConfig(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => {
    throw new UsageError(
      `${file} cannot be read: name the configuration that was observed with --config`,
    );
  });
}

function tell(rules: number, seen: ObservedFile, revokes: boolean): string[] {
  const valid = seen.tokens.some((each) => each.valid > 0);
  return [
    `${rules} rules, of ${seen.requests} requests to ${seen.routes.length} routes`,
    ...(valid ? [] : ["no token was seen that is valid by tokens.keys: are they the keys?"]),
    ...(revokes ? [] : ["no logout was seen: observe one, or add its rule (revoke: token)"]),
  ];
}

/** Where valid tokens were seen, if that is not where they are looked for. */
function placeTokens(document: Document, { tokens }: ObservedFile): string[] {
  const valid = tokens.filter((each) => each.valid > 0).sort((a, b) => b.valid - a.valid);
  const [most] = valid;
  const from: unknown = document.toJS()?.tokens?.from ?? [{ header: "token" }];
  const known = (Array.isArray(from) ? from : []).map((source) =>
    JSON.stringify(lowerCase(source)),
  );
  if (
    most === undefined ||
    valid.some(({ source }) => known.includes(JSON.stringify(lowerCase(source))))
  ) {
    return [];
  }
  document.setIn(["tokens", "from"], document.createNode([most.source], { flow: true }));
  const others = valid.slice(1).map(({ source }) => JSON.stringify(source));
  return [
    `tokens.from: ${JSON.stringify(most.source)}, where ${most.valid} valid ones were seen`,
    ...(others.length === 0 ? [] : [`valid tokens were seen elsewhere, too: ${others.join(", ")}`]),
  ];
}

/** Names of headers and schemes have no letter case. */
function lowerCase(source: unknown): Record<string, string> {
  const entries = Object.entries(source as Record<string, unknown>);
  return Object.fromEntries(
    entries
      .map(
        ([name, value]) =>
          [name, name === "cookie" ? String(value) : String(value).toLowerCase()] as const,
      )
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}
