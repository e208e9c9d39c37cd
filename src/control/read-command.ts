import { z } from "zod";
import { ControlError } from "../errors.ts";
import { maxEntriesPerCommand, type StoreCommand, storeCommand } from "./store-command.ts";

/** How much is said of a command that is none: the first of what is wrong with it. */
const maxIssues = 3;
const maxCharacters = 500;

/**
 * Reads a command. Throws ControlError if it is none.
 *
 * The entries are counted before any is looked at, and not all of what is wrong is told: of a command of a megabyte
 * that alone would hold up everything else for half a minute.
 */
export function readCommand(request: unknown): StoreCommand {
  const count = entriesIn(request);
  if (count > maxEntriesPerCommand) {
    throw new ControlError(
      `expected at most ${maxEntriesPerCommand} entries, got ${count}: send them in several commands`,
    );
  }
  const parsed = storeCommand.safeParse(request);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const text = z.prettifyError({ issues: issues.slice(0, maxIssues) });
  const more = issues.length > maxIssues ? `\nand ${issues.length - maxIssues} more` : "";
  throw new ControlError(`not a command of this version: ${cut(text)}${more}`);
}

function entriesIn(request: unknown): number {
  const { entries } = (request ?? {}) as { readonly entries?: unknown };
  return Array.isArray(entries) ? entries.length : 0;
}

function cut(text: string): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}
