import { createRequire } from "node:module";
import type { DocumentNode, SelectionSetNode } from "graphql";
import { queryReader } from "../http/query.ts";
import type { Sent } from "../token/credential.ts";

/**
 * Under which response keys a request runs some mutations; `unread`: that is unknown (a persisted query, a form, a
 * document that is too long or none).
 */
export type MutationReading = readonly string[] | "unread";

/** More is not parsed: what is written for people has hundreds. It bounds the depth, too. */
const maxTokens = 4000;
/** More members of a batch are not parsed. */
const maxBatch = 50;

type Parse = (text: string, options: { noLocation: boolean; maxTokens: number }) => DocumentNode;

/** Loads the parser; only configurations that speak of GraphQL need it. */
export function loadGraphqlParser(): Parse {
  const load = createRequire(import.meta.url);
  return (load("graphql/language/parser") as { readonly parse: Parse }).parse;
}

/** Finds root fields of mutations in what a request asks for, by its query string and by its body. */
export function readMutations(
  parse: Parse,
  sent: Sent,
  mutations: ReadonlySet<string>,
): MutationReading {
  const texts = [...textsInQuery(sent), ...textsInBody(sent)];
  const keys = new Set<string>();
  let unread = texts.length > maxBatch;
  for (const text of texts.slice(0, maxBatch)) {
    const found = text === undefined ? "unread" : keysIn(parse, text, mutations);
    if (found === "unread") unread = true;
    else for (const key of found) keys.add(key);
  }
  return unread && keys.size === 0 ? "unread" : [...keys];
}

/** Documents; undefined stands for one that can't be read. */
type Texts = readonly (string | undefined)[];

function textsInQuery({ target }: Sent): Texts {
  const valuesOf = queryReader(target);
  const values = valuesOf("query");
  if (values.length > 1) return [undefined];
  const isPersisted = ["extensions", "id", "documentId", "doc_id"].some(
    (name) => valuesOf(name).length > 0,
  );
  return values.length === 0 && isPersisted ? [undefined] : values;
}

function textsInBody({ body }: Sent): Texts {
  // Not read yet: unknown.
  if (body === undefined) return [undefined];
  if (body.fields.kind === "none") return [];
  if (body.fields.kind !== "json") return [undefined];
  const { value } = body.fields;
  return (Array.isArray(value) ? value : [value]).map(textOf);
}

function textOf(request: unknown): string | undefined {
  if (typeof request !== "object" || request === null) return undefined;
  const { query } = request as { readonly query?: unknown };
  return typeof query === "string" ? query : undefined;
}

function keysIn(parse: Parse, text: string, mutations: ReadonlySet<string>): MutationReading {
  try {
    const { definitions } = parse(text, { noLocation: true, maxTokens });
    const search: Search = { fragments: new Map(), mutations };
    for (const definition of definitions) {
      if (definition.kind !== "FragmentDefinition") continue;
      search.fragments.set(definition.name.value, definition.selectionSet);
    }
    return definitions.flatMap((definition) =>
      definition.kind === "OperationDefinition" && definition.operation === "mutation"
        ? keysOf(definition.selectionSet, search)
        : [],
    );
  } catch {
    // It is none, or nests too deep for the parser.
    return "unread";
  }
}

interface Search {
  /**
   * Those that were not looked into yet: they may name each other, and many operations that name them all would
   * take as many times as long.
   */
  readonly fragments: Map<string, SelectionSetNode>;
  readonly mutations: ReadonlySet<string>;
}

function keysOf({ selections }: SelectionSetNode, search: Search): string[] {
  return selections.flatMap((selection): string[] => {
    if (selection.kind === "InlineFragment") return keysOf(selection.selectionSet, search);
    const name = selection.name.value;
    if (selection.kind === "Field") {
      return search.mutations.has(name) ? [selection.alias?.value ?? name] : [];
    }
    const fragment = search.fragments.get(name);
    search.fragments.delete(name);
    return fragment === undefined ? [] : keysOf(fragment, search);
  });
}
