import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";

/** A path of keys and list positions. */
export type SettingPath = readonly (string | number)[];

/** A configuration file as YAML, with the places of its settings. */
export interface ConfigDocument {
  readonly value: unknown;
  /** `file:line:column` of a setting, or of the nearest thing around it that is there. */
  place(path: SettingPath): string;
  /** `file:line:column` of a key, where it is the key that is wrong. */
  placeOfKey(path: SettingPath, key: string): string;
  /** What could not be read; empty where all is well. */
  readonly problems: readonly string[];
}

const environmentReference = /\$\{([A-Z_][A-Z0-9_]*)(?::-([^}]*))?\}/g;

/** How deep settings may be nested; none is a tenth as deep. */
const maxDepth = 64;

/**
 * Reads YAML and puts environment variables in: `${NAME}`, or `${NAME:-default}` where it may be unset.
 *
 * They are put into values, after parsing: what a variable holds can never become structure. A value
 * that is not quoted is then read again as one value, so that `port: ${PORT}` is a number.
 *
 * Never throws: aliases that stand for too much or for themselves, and nesting beyond any setting's, are
 * problems like others.
 */
export function readDocument(
  file: string,
  source: string,
  environment: NodeJS.ProcessEnv,
): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  // What follows the first mistake in the syntax is mostly its echo.
  const problems = document.errors.slice(0, 1).map(({ code, pos, message }) => {
    // The parser's words for this are those of the stack that it ran out of.
    const isDeep = code === "RESOURCE_EXHAUSTION";
    return `${at(pos[0])}: ${isDeep ? "nested too deeply to be read" : message}`;
  });
  for (const { node, name } of interpolate(document, environment)) {
    problems.push(
      `${at(node.range?.[0] ?? 0)}: environment variable ${name} is not set; set it, or write \${${name}:-default}`,
    );
  }
  for (const node of keysWithoutName(document)) {
    problems.push(
      `${at(node.range?.[0] ?? 0)}: expected a name, not a list or a group of settings`,
    );
  }
  const read = toValue(document);
  if (problems.length === 0 && "problem" in read) {
    problems.push(`${at(firstAlias(document)?.range?.[0] ?? 0)}: ${read.problem}`);
  }

  return {
    value: "problem" in read ? undefined : read.value,
    problems,
    place: (path) => at(offsetOf(document, path)),
    placeOfKey(path, key) {
      const parent = path.length === 0 ? document.contents : document.getIn(path, true);
      const pair = isMap(parent)
        ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
        : undefined;
      const keyNode = pair?.key as Node | undefined;
      return at(keyNode?.range?.[0] ?? offsetOf(document, path));
    },
  };
}

/** The document as data; aliases are what can make it grow without end, or have none. */
function toValue(document: Document): { readonly value: unknown } | { readonly problem: string } {
  try {
    const value: unknown = document.toJS();
    if (isWithin(maxDepth, value)) return { value };
    return {
      problem: `expected settings nested ${maxDepth} deep at most, or an alias contains itself`,
    };
  } catch (error) {
    if (error instanceof RangeError) return { problem: "nested too deeply to be read" };
    // The parser's words for an alias to nothing, and for aliases of aliases that multiply.
    return { problem: `${(error as Error).message}; write out what the alias stands for` };
  }
}

function isWithin(depth: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isWithin(depth - 1, inner));
}

/** Keys that are lists or maps: YAML has them, and no setting has such a name. */
function keysWithoutName(document: Document): Node[] {
  const nodes: Node[] = [];
  visit(document, {
    Pair(_where, { key }) {
      if (isCollection(key)) nodes.push(key);
    },
  });
  return nodes;
}

function firstAlias(document: Document): Node | undefined {
  let first: Node | undefined;
  visit(document, {
    Alias(_where, node) {
      first ??= node;
      return visit.BREAK;
    },
  });
  return first;
}

function offsetOf(document: Document, path: SettingPath): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as Node | undefined;
    if (node?.range) return node.range[0];
  }
  return isCollection(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
}

function interpolate(document: Document, environment: NodeJS.ProcessEnv) {
  const missing: { node: Node; name: string }[] = [];
  visit(document, {
    Scalar(where, node) {
      if (where === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
      const replaced = node.value.replace(environmentReference, (reference, name, standard) => {
        const value = environment[name] ?? standard;
        if (value === undefined) missing.push({ node, name });
        return value ?? reference;
      });
      if (replaced === node.value) return;
      node.value = node.type === "PLAIN" ? readPlain(replaced) : replaced;
    },
  });
  return missing;
}

/** A text as the one value that it is when nothing is quoted: a number, true, or the text itself. */
function readPlain(text: string): unknown {
  if (text === "") return null;
  const { contents, errors } = parseDocument(text, { prettyErrors: false });
  // All of it: what looks like a comment, a list or a key in there is text.
  const isOne = isScalar(contents) && contents.type === "PLAIN" && contents.source === text.trim();
  return isOne && errors.length === 0 && contents.tag === undefined ? contents.value : text;
}
