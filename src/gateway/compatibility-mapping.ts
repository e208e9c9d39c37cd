import { posix } from "node:path";

/** What a server makes of a path that maps its characters to compatible ones: `ｌｏｇｏｕｔ` to `logout`. */
export interface CompatibilityMapping {
  /** The path, mapped, in canonical form. */
  readonly path: string;
  /** Whether a character that means something in paths has come in: `／` has become `/`. */
  readonly hasNewSyntax: boolean;
  /** The paths that such a server may mean, dot segments resolved or not. */
  readonly readings: readonly string[];
}

/** How much longer a path may become: a ligature stands for up to 18 characters, each of which is escaped anew. */
const maxGrowth = 1024;
/** Slashes that the tables of some servers know (best fit), and Unicode's mapping does not. */
const likeSlash = /[\u2044\u2215\u29f8]/g;
const likeBackslash = /[\u2216\u29f5]/g;
const syntax = /[/\\.;%?#]/g;

/**
 * Maps a canonical path by Unicode's compatibility mapping (NFKC); undefined if that changes nothing.
 *
 * Servers and file systems that do so exist, so an exemption must hold for both paths: decision note 0063.
 */
export function mapCompatible(path: string): CompatibilityMapping | undefined {
  if (!/%[89A-F]/.test(path)) return undefined;
  const { text, mapped } = readBoth(path);
  if (mapped === text) return undefined;
  const hasNewSyntax = count(mapped) > count(text);
  const canonical = mapped.replace(/[^!-~]+/g, encodeURIComponent);
  // A new "?" or "#" ends the path, as their escapes do for who decodes them.
  const ended = canonical.replaceAll("\\", "/").replaceAll("?", "%3F").replaceAll("#", "%23");
  const readings = hasNewSyntax ? [ended, posix.normalize(ended)] : [ended];
  return { path: canonical, hasNewSyntax, readings };
}

/** Whether a canonical path becomes so long by that mapping that looking at it would take milliseconds. */
export function growsTooLong(path: string): boolean {
  if (path.length <= maxGrowth / 2 || !/%[89A-F]/.test(path)) return false;
  const { text, mapped } = readBoth(path);
  return mapped.length > text.length + maxGrowth;
}

function readBoth(path: string): { readonly text: string; readonly mapped: string } {
  const text = path.replace(/(?:%[89A-F][0-9A-F])+/g, decodeURIComponent);
  const mapped = text.replace(likeSlash, "/").replace(likeBackslash, "\\").normalize("NFKC");
  return { text, mapped };
}

function count(text: string): number {
  return text.match(syntax)?.length ?? 0;
}
