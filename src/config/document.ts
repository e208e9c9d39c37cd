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

/**
 * Reads YAML and puts environment variables in: `${NAME}`, or `${NAME:-default}` where it may be unset.
 *
 * They are put into values, after parsing: what a variable holds can never become structure. A value
 * that is not quoted is then read again, so that `port: ${PORT}` is a number.
 */
export function readDocument(
  file: string,
  source: string,
  environment: NodeJS.ProcessEnv,
): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  // What follows the first mistake in the syntax is mostly its echo.
  const problems = document.errors
    .slice(0, 1)
    .map((error) => `${at(error.pos[0])}: ${error.message}`);
  for (const { node, name } of interpolate(document, environment)) {
    problems.push(
      `${at(node.range?.[0] ?? 0)}: environment variable ${name} is not set; set it, or write \${${name}:-default}`,
    );
  }

  return {
    value: document.toJS() as unknown,
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
      node.value = node.type === "PLAIN" ? parseDocument(replaced).toJS() : replaced;
    },
  });
  return missing;
}
