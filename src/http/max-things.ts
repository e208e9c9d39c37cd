/**
 * Max number of fields, members, parts or cookies that are told apart in one place of a request. PHP, Django and Express
 * have the same bound for forms.
 *
 * Each costs several steps for each name that is looked for, so that a few bytes of each would be much work together.
 */
export const maxThings = 1000;

/** Whether a text has more than `max` of some separators, which are single characters. */
export function hasMoreThan(max: number, text: string, separators: string): boolean {
  if (text.length <= max) return false;
  let count = 0;
  for (const separator of separators) {
    for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) {
      count += 1;
      if (count > max) return true;
    }
  }
  return false;
}
