import type { HeaderList } from "./field-lines.ts";

/** The header in which a browser's WebSocket can send a text of its own (RFC 6455 section 11.3.4). */
export const subprotocolHeader = "sec-websocket-protocol";

/**
 * The tokens that a WebSocket handshake offers as subprotocols.
 *
 * `name`: the token is the item after this one (`bearer, <token>`); a name that ends with a dot is the
 * beginning of the token's own item (`bearer.<token>`). Compared in any letter case.
 */
export function subprotocolValues(headers: HeaderList, name: string): readonly string[] {
  const items = itemsOf(headers.allSpellings(subprotocolHeader));
  return items.flatMap((item, index) => {
    if (!begins(item, name)) return [];
    if (name.endsWith(".")) return [item.slice(name.length)];
    const value = items[index + 1];
    return value === undefined ? [] : [value];
  });
}

/**
 * One line of the header without the tokens that follow these names: the names stay, since a server has to choose
 * one of what was offered. Undefined if nothing is left.
 */
export function withoutSubprotocolTokens(
  line: string,
  names: readonly string[],
): string | undefined {
  const items = itemsOf([line]);
  const kept = items.filter((item, index) => {
    const before = items[index - 1];
    const isToken = names.some((name) =>
      name.endsWith(".") ? begins(item, name) : before !== undefined && begins(before, name),
    );
    return !isToken;
  });
  return kept.length === 0 ? undefined : kept.join(", ");
}

function itemsOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => line.split(",")).flatMap((item) => item.trim() || []);
}

function begins(item: string, name: string): boolean {
  const lower = item.toLowerCase();
  return name.endsWith(".") ? lower.startsWith(name.toLowerCase()) : lower === name.toLowerCase();
}
